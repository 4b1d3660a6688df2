using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Part of a vector on the CPU, for operators and for loops. Unlike a view it is no tensor, of which a loss over many tiles would leave thousands to the
/// garbage collector.
/// </summary>
internal readonly unsafe struct VectorSlice
{
    private readonly Tensor vector;
    private readonly byte* start;
    private readonly long first, count;

    private VectorSlice(Tensor vector, byte* start, long first, long count)
    {
        this.vector = vector;
        this.start = start;
        this.first = first;
        this.count = count;
    }

    /// <summary>All of a vector, which has to outlive its slices.</summary>
    /// <param name="vector">[N], contiguous, on the CPU.</param>
    public static VectorSlice Of(Tensor vector) => new(vector, TensorMemory.Bytes(vector), 0, vector.size(0));

    /// <summary>Whether there is a vector at all.</summary>
    public bool Exists => vector is not null;

    /// <summary>It as a view, which the caller's dispose scope owns.</summary>
    public Tensor View => vector.narrow(0, first, count);

    /// <summary>Part of it.</summary>
    public VectorSlice Slice(long from, long length) => new(vector, start, first + from, length);

    /// <summary>Where its first value lies; null where there is no vector.</summary>
    /// <typeparam name="T">Type of its values.</typeparam>
    public T* Start<T>() where T : unmanaged => (T*)start + first;
}
