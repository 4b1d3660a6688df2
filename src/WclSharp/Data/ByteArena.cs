using System.Text;

namespace WclSharp.Data;

/// <summary>
/// Many short strings as UTF-8 in a few large blocks: 8 bytes of overhead each instead of an object. Grows only.
/// </summary>
internal sealed class ByteArena
{
    private const int BlockBits = 20, BlockSize = 1 << BlockBits;
    private readonly List<byte[]> blocks = [];
    private readonly GrowingArray<long> starts = new();
    private long next;

    /// <summary>Number of strings.</summary>
    public int Count => starts.Count;

    /// <summary>The UTF-8 bytes of a string.</summary>
    public ReadOnlySpan<byte> this[int index]
    {
        get
        {
            long start = starts[index];
            // A string that did not fit into a block's rest starts the next block, so the length is stored before it.
            int at = (int)(start & (BlockSize - 1));
            var block = blocks[(int)(start >> BlockBits)];
            int length = block[at] | block[at + 1] << 8;
            return block.AsSpan(at + 2, length);
        }
    }

    /// <summary>Appends a string; what is longer than 65,535 bytes is cut there.</summary>
    public void Add(ReadOnlySpan<char> text)
    {
        Span<byte> buffer = stackalloc byte[512];
        int worst = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (worst > buffer.Length) buffer = new byte[worst];
        int length = Math.Min(Encoding.UTF8.GetBytes(text, buffer), ushort.MaxValue);
        Add(buffer[..length]);
    }

    /// <summary>Appends a string of UTF-8 bytes, 65,535 at most.</summary>
    public void Add(ReadOnlySpan<byte> utf8)
    {
        int room = BlockSize - (int)(next & (BlockSize - 1));
        if (room < utf8.Length + 2) next = ((next >> BlockBits) + 1) << BlockBits;
        int number = (int)(next >> BlockBits);
        if (number == blocks.Count) blocks.Add(new byte[BlockSize]);
        var target = blocks[number].AsSpan((int)(next & (BlockSize - 1)));
        target[0] = (byte)utf8.Length;
        target[1] = (byte)(utf8.Length >> 8);
        utf8.CopyTo(target[2..]);
        starts.Add(next);
        next += utf8.Length + 2;
    }

    /// <summary>Forgets the strings; the blocks are kept for the next ones.</summary>
    public void Clear()
    {
        starts.Clear();
        next = 0;
    }

    /// <summary>A string, decoded.</summary>
    public string GetString(int index) => Encoding.UTF8.GetString(this[index]);
}
