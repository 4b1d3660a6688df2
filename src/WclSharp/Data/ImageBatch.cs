namespace WclSharp.Data;

/// <summary>N images of possibly different sizes in one buffer. Return the buffer by <see cref="Dispose"/>.</summary>
public sealed class ImageBatch : IDisposable
{
    private Action<byte[]>? giveBack;

    internal ImageBatch(int[] indices, int[] heights, int[] widths, int channels, int height, int width, byte[] pixels, Action<byte[]>? giveBack)
    {
        (Indices, Heights, Widths, Channels, Height, Width, Pixels) = (indices, heights, widths, channels, height, width, pixels);
        this.giveBack = giveBack;
    }

    /// <summary>Position of each image in the data set, [N].</summary>
    public int[] Indices { get; }

    /// <summary>Height of each image, [N], pixels.</summary>
    public int[] Heights { get; }

    /// <summary>Width of each image, [N], pixels.</summary>
    public int[] Widths { get; }

    /// <summary>Number of images, N.</summary>
    public int Count => Indices.Length;

    /// <summary>Channels, 1 or 3.</summary>
    public int Channels { get; }

    /// <summary>Height of the tallest image.</summary>
    public int Height { get; }

    /// <summary>Width of the widest image.</summary>
    public int Width { get; }

    /// <summary>True where every image fills the batch's height and width.</summary>
    public bool Uniform { get; private init; }

    /// <summary>
    /// [N, Channels, Height, Width] uint8 in its first <see cref="ByteCount"/> bytes, zero to the right of and below smaller
    /// images. The buffer may be longer, and belongs to the next batch once this one is disposed.
    /// </summary>
    public byte[] Pixels { get; }

    /// <summary>Bytes of <see cref="Pixels"/> that are used: N Channels Height Width.</summary>
    public int ByteCount => Count * Channels * Height * Width;

    /// <summary>Gives the buffer back for another batch. May be called more than once.</summary>
    public void Dispose() => Interlocked.Exchange(ref giveBack, null)?.Invoke(Pixels);

    /// <summary>Copies images into one buffer.</summary>
    /// <param name="data">Where they come from.</param>
    /// <param name="indices">Which; kept by the batch.</param>
    /// <param name="rent">Gives a buffer of at least so many bytes, of any content.</param>
    /// <param name="giveBack">Takes the buffer back; null leaves it to the garbage collector.</param>
    internal static ImageBatch Assemble(ImageDataset data, int[] indices, Func<int, byte[]> rent, Action<byte[]>? giveBack)
    {
        int count = indices.Length, channels = data.Channels, height = 0, width = 0;
        int[] heights = new int[count], widths = new int[count];
        bool uniform = true;
        for (int i = 0; i < count; i++)
        {
            (heights[i], widths[i]) = data.SizeOf(indices[i]);
            uniform &= heights[i] == heights[0] && widths[i] == widths[0];
            height = Math.Max(height, heights[i]);
            width = Math.Max(width, widths[i]);
        }

        long bytes = (long)count * channels * height * width;
        if (bytes > Array.MaxLength)
            throw new WclException($"A batch of {count:N0} images of {width} x {height} takes {bytes >> 20:N0} MiB, more than a buffer holds; use a smaller --batch or --image-size.");
        var pixels = rent((int)bytes);
        var target = pixels.AsSpan(0, (int)bytes);
        int plane = height * width;
        for (int i = 0; i < count; i++)
        {
            var source = data.PixelsOf(indices[i]);
            var image = target.Slice(i * channels * plane, channels * plane);
            if (heights[i] == height && widths[i] == width) source.CopyTo(image);
            else CopyPadded(source, image, channels, heights[i], widths[i], height, width);
        }
        return new(indices, heights, widths, channels, height, width, pixels, giveBack) { Uniform = uniform };
    }

    private static void CopyPadded(ReadOnlySpan<byte> source, Span<byte> target, int channels, int height, int width, int fullHeight, int fullWidth)
    {
        for (int c = 0; c < channels; c++)
        {
            for (int y = 0; y < height; y++)
            {
                var row = target.Slice((c * fullHeight + y) * fullWidth, fullWidth);
                source.Slice((c * height + y) * width, width).CopyTo(row);
                row[width..].Clear();
            }
            target[((c * fullHeight + height) * fullWidth)..((c + 1) * fullHeight * fullWidth)].Clear();
        }
    }
}
