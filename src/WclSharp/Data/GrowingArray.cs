namespace WclSharp.Data;

/// <summary>A list of plain values in blocks, so that growing never copies nor needs twice the memory.</summary>
/// <typeparam name="T">Element type.</typeparam>
internal sealed class GrowingArray<T> where T : unmanaged
{
    private const int BlockBits = 16, BlockSize = 1 << BlockBits;
    private readonly List<T[]> blocks = [];

    /// <summary>Number of values.</summary>
    public int Count { get; private set; }

    /// <summary>A value by its index.</summary>
    public ref T this[int index] => ref blocks[index >> BlockBits][index & (BlockSize - 1)];

    /// <summary>Appends a value.</summary>
    public void Add(T value)
    {
        if (Count == blocks.Count << BlockBits) blocks.Add(new T[BlockSize]);
        blocks[Count >> BlockBits][Count & (BlockSize - 1)] = value;
        Count++;
    }

    /// <summary>Forgets the values; the blocks are kept for the next ones.</summary>
    public void Clear() => Count = 0;

    /// <summary>A copy as one array.</summary>
    public T[] ToArray()
    {
        var all = new T[Count];
        for (int at = 0; at < Count; at += BlockSize)
            blocks[at >> BlockBits].AsSpan(0, Math.Min(BlockSize, Count - at)).CopyTo(all.AsSpan(at));
        return all;
    }
}
