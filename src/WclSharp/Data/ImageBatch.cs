using System.Numerics;

namespace WclSharp.Data;

/// <summary>N images of possibly different sizes, packed one after another. Return the memory by <see cref="Dispose"/>.</summary>
public sealed class ImageBatch : IDisposable
{
    /// <summary>Bytes of a buffer, but for its last image: a batch may be larger than one array can be.</summary>
    internal const int LargestBuffer = 1 << 29;

    private const int BufferSteps = 16; // in which sizes of buffers rise within an octave
    private readonly long[] starts;     // [N + 1], first byte of each image in the batch
    private readonly int[] firsts;      // first image of each buffer, and N
    private readonly byte[][] buffers;
    private readonly Action<byte[]>? giveBack;
    private int disposed;

    private ImageBatch(int[] indices, int[] heights, int[] widths, int channels, long[] starts, int[] firsts, byte[][] buffers, Action<byte[]>? giveBack)
    {
        (Indices, Heights, Widths, Channels) = (indices, heights, widths, channels);
        (this.starts, this.firsts, this.buffers, this.giveBack) = (starts, firsts, buffers, giveBack);
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

    /// <summary>True where all images have one size, and where there are none.</summary>
    public bool Uniform { get; private init; }

    /// <summary>Bytes of all images' pixels.</summary>
    public long ByteCount => starts[^1];

    /// <summary>First byte of each image where all of the batch's are counted through, [N + 1]; the last is where they end.</summary>
    internal ReadOnlySpan<long> Starts => starts;

    /// <summary>What the images lie in; each may be longer than its images are, and belongs to another batch once this one is disposed.</summary>
    internal IReadOnlyList<byte[]> Buffers => Undisposed();

    /// <summary>Pixels of an image, planar [Channels, height, width], until the batch is disposed.</summary>
    /// <param name="image">Its place in the batch, 0 to N - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image in the batch.</exception>
    /// <exception cref="ObjectDisposedException">The batch was disposed of, and the memory may be another's.</exception>
    public ReadOnlySpan<byte> PixelsOf(int image)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(image);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(image, Count);
        var buffers = Undisposed();
        int buffer = Array.BinarySearch(firsts, 0, buffers.Length, image);
        if (buffer < 0) buffer = ~buffer - 1;
        return buffers[buffer].AsSpan((int)(starts[image] - starts[firsts[buffer]]), (int)(starts[image + 1] - starts[image]));
    }

    /// <summary>The pixels of a buffer's images; those of all buffers one after another are the batch's.</summary>
    internal ReadOnlySpan<byte> PixelsIn(int buffer) => Undisposed()[buffer].AsSpan(0, (int)(starts[firsts[buffer + 1]] - starts[firsts[buffer]]));

    /// <summary>Gives the memory back for another batch. May be called more than once.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0 || giveBack is null) return;
        foreach (byte[] buffer in buffers) giveBack(buffer);
    }

    private byte[][] Undisposed()
    {
        ObjectDisposedException.ThrowIf(disposed != 0, this);
        return buffers;
    }

    /// <summary>Copies images into a batch.</summary>
    /// <param name="data">Where they come from.</param>
    /// <param name="indices">Which; kept by the batch.</param>
    /// <param name="rent">Gives a buffer of at least so many bytes, of any content.</param>
    /// <param name="giveBack">Takes a buffer back; null leaves it to the garbage collector.</param>
    /// <param name="largestBuffer">Bytes of a buffer, but for its last image.</param>
    internal static ImageBatch Assemble(ImageDataset data, int[] indices, Func<int, byte[]> rent, Action<byte[]>? giveBack, int largestBuffer = LargestBuffer)
    {
        int count = indices.Length, channels = data.Channels;
        int[] heights = new int[count], widths = new int[count];
        var starts = new long[count + 1];
        bool uniform = true;
        for (int i = 0; i < count; i++)
        {
            (heights[i], widths[i]) = data.SizeOf(indices[i]);
            uniform &= heights[i] == heights[0] && widths[i] == widths[0];
            starts[i + 1] = starts[i] + (long)channels * heights[i] * widths[i];
        }

        int[] firsts = Divide(starts, largestBuffer);
        var buffers = new byte[firsts.Length - 1][];
        try
        {
            for (int b = 0; b < buffers.Length; b++)
            {
                int bytes = (int)(starts[firsts[b + 1]] - starts[firsts[b]]);
                var buffer = buffers[b] = rent(uniform ? bytes : Rounded(bytes));
                int at = 0;
                for (int i = firsts[b]; i < firsts[b + 1]; i++) at += data.CopyPixels(indices[i], buffer.AsSpan(at));
            }
        }
        catch // the set was disposed of meanwhile
        {
            foreach (byte[]? buffer in buffers)
                if (buffer is not null) giveBack?.Invoke(buffer);
            throw;
        }
        return new(indices, heights, widths, channels, starts, firsts, buffers, giveBack) { Uniform = uniform };
    }

    /// <summary>Which images begin a buffer: as few buffers as will do, of much the same size, and no image in two.</summary>
    private static int[] Divide(long[] starts, int largestBuffer)
    {
        long total = starts[^1], parts = (total + largestBuffer - 1) / largestBuffer, share = parts == 0 ? 0 : (total + parts - 1) / parts;
        List<int> firsts = [0];
        for (int i = 1; i < starts.Length; i++)
            if (starts[i] - starts[firsts[^1]] >= share || i == starts.Length - 1) firsts.Add(i);
        return [.. firsts];
    }

    /// <summary>Somewhat more bytes, so that a buffer serves the next batch too, whose images are of other sizes.</summary>
    private static int Rounded(int bytes)
    {
        int step = Math.Max(1, (int)(BitOperations.RoundUpToPowerOf2((uint)bytes) / (2 * BufferSteps)));
        return (bytes + step - 1) / step * step;
    }
}
