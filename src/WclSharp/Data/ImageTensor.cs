using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Data;

/// <summary>
/// The pixels of N images on a device, uint8: a grid where they have one size or are padded to one, else packed one after another. On a CPU
/// an image's views are the same bits in either form.
/// </summary>
internal sealed class ImageTensor : IDisposable
{
    private readonly int[] heights, widths;
    private readonly long[]? starts; // first byte of each image where they are packed; null in a grid

    private ImageTensor(Tensor pixels, Tensor? places, int channels, int[] heights, int[] widths, long[]? starts)
    {
        (Pixels, Places, Channels, this.heights, this.widths, this.starts) = (pixels, places, channels, heights, widths, starts);
        bool grid = starts is null;
        Height = grid ? (int)pixels.size(2) : heights.Max();
        Width = grid ? (int)pixels.size(3) : widths.Max();
    }

    /// <summary>[N, C, H, W] in a grid, else [bytes].</summary>
    public Tensor Pixels { get; }

    /// <summary>First byte, height and width of each image, [3, N] int64 on the device; null in a grid.</summary>
    public Tensor? Places { get; }

    /// <summary>N, number of images.</summary>
    public int Count => heights.Length;

    /// <summary>C, 1 or 3.</summary>
    public int Channels { get; }

    /// <summary>H: the grid's, else the tallest image's, pixels.</summary>
    public int Height { get; }

    /// <summary>W: the grid's, else the widest image's, pixels.</summary>
    public int Width { get; }

    /// <summary>True height of each image, [N], pixels.</summary>
    public ReadOnlySpan<int> Heights => heights;

    /// <summary>True width of each image, [N], pixels.</summary>
    public ReadOnlySpan<int> Widths => widths;

    /// <summary>Hands a host batch to a device. The caller owns it.</summary>
    /// <exception cref="ArgumentException">The batch is empty.</exception>
    public static unsafe ImageTensor Of(ImageBatch batch, Device device)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Count == 0) throw new ArgumentException("The batch has no images; give one or more.", nameof(batch));
        var host = batch.Uniform
            ? empty([batch.Count, batch.Channels, batch.Heights[0], batch.Widths[0]], dtype: ScalarType.Byte)
            : empty([batch.ByteCount], dtype: ScalarType.Byte);
        byte* target = TensorMemory.Bytes(host);
        for (int buffer = 0; buffer < batch.Buffers.Count; buffer++)
        {
            var part = batch.PixelsIn(buffer);
            part.CopyTo(new Span<byte>(target, part.Length));
            target += part.Length;
        }
        GC.KeepAlive(host);
        if (batch.Uniform) return new(Upload.To(device, host), null, batch.Channels, batch.Heights, batch.Widths, null);

        int n = batch.Count;
        var places = new long[3 * n];
        for (int i = 0; i < n; i++) (places[i], places[n + i], places[2 * n + i]) = (batch.Starts[i], batch.Heights[i], batch.Widths[i]);
        return new(Upload.To(device, host), Upload.To(device, tensor(places, [3, n])), batch.Channels, batch.Heights, batch.Widths, batch.Starts.ToArray());
    }

    /// <summary>Images that lie in a tensor, which stays the caller's: what is made here is not to be disposed.</summary>
    /// <param name="images">[N, C, H, W] uint8, padded on the right and at the bottom.</param>
    /// <param name="heights">N true heights.</param>
    /// <param name="widths">N true widths.</param>
    public static ImageTensor Padded(Tensor images, ReadOnlySpan<int> heights, ReadOnlySpan<int> widths) =>
        new(images, null, (int)images.size(1), heights.ToArray(), widths.ToArray(), null);

    /// <summary>The same images, contiguous on a device: itself where it is, else what the dispose scope owns.</summary>
    public ImageTensor On(Device device) => Pixels.device == device && Pixels.is_contiguous()
        ? this
        : new(Pixels.to(device).contiguous(), Places?.to(device), Channels, heights, widths, starts);

    /// <summary>An image's first byte.</summary>
    public long Start(int image) => starts is null ? (long)image * Channels * Height * Width : starts[image];

    /// <summary>Bytes from a row of an image to the next.</summary>
    public int RowBytes(int image) => starts is null ? Width : widths[image];

    /// <summary>Bytes from a channel of an image to the next.</summary>
    public long PlaneBytes(int image) => starts is null ? (long)Height * Width : (long)heights[image] * widths[image];

    /// <summary>Takes the tensors out of their dispose scope.</summary>
    public void Detach()
    {
        Pixels.DetachFromDisposeScope();
        Places?.DetachFromDisposeScope();
    }

    public void Dispose()
    {
        Pixels.Dispose();
        Places?.Dispose();
    }
}
