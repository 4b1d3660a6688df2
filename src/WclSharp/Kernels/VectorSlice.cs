using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Part of a vector on the CPU: neighbouring values, which operators take as a view and loops by their place. A slice is no tensor itself. A loss over many tiles takes thousands of slices, and as many views would be left to the
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

    /// <summary>A slice of all values of a vector, which has to outlive it and its slices.</summary>
    /// <param name="vector">[N], contiguous, on the CPU.</param>
    public static VectorSlice Of(Tensor vector) => new(vector, TensorMemory.Bytes(vector), 0, vector.size(0));

    /// <summary>Whether there is a vector at all.</summary>
    public bool Exists => vector is not null;

    /// <summary>The slice as a tensor, a view that the caller's dispose scope owns.</summary>
    public Tensor View => vector.narrow(0, first, count);

    /// <summary>A part of this slice.</summary>
    /// <param name="from">The part's first value, counted from the slice's.</param>
    /// <param name="length">Values.</param>
    public VectorSlice Slice(long from, long length) => new(vector, start, first + from, length);

    /// <summary>Where the slice's first value lies; null where there is no vector.</summary>
    /// <typeparam name="T">Type of its values.</typeparam>
    public T* Start<T>() where T : unmanaged => (T*)start + first;
}
