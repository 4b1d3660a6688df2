using System.Buffers;
using System.Text;

namespace WclSharp.Data;

/// <summary>An entry of a tar file.</summary>
/// <param name="Name">Path, with '/' between its parts.</param>
/// <param name="IsFile">True for an ordinary file.</param>
/// <param name="IsLink">True for a hard or symbolic link, which has no content of its own.</param>
/// <param name="IsSparse">True for a file that was packed without its holes, whose content is not put together again.</param>
/// <param name="Size">Bytes that the header claims.</param>
/// <param name="Offset">Where the content begins in the (unpacked) archive.</param>
internal readonly record struct TarEntry(string Name, bool IsFile, bool IsLink, bool IsSparse, long Size, long Offset);

/// <summary>
/// Reads a tar file's entries one after another (POSIX ustar with pax headers, GNU long names and sizes, and the older form).
/// </summary>
/// <remarks>
/// Nothing is allocated by what a header claims: contents are passed over by seeking, or by reading on, and headers that
/// extend the next one are read only up to <see cref="MaxExtension"/>.
/// </remarks>
/// <param name="stream">The archive, unpacked; read from its beginning.</param>
/// <param name="name">Its name, for messages.</param>
internal sealed class TarReader(Stream stream, string name)
{
    private const int Block = 512, MaxExtension = 1 << 20, MaxName = 4096; // as long as a path may be on Linux
    private const int LongestEnd = 1 << 20; // bytes that are looked at behind the end: archives are filled up to 10 KiB mostly, and to 256 KiB for large tapes
    private readonly byte[] header = new byte[Block];
    private long next; // offset of the next header
    private long position;

    /// <summary>What is odd about how the archive ended, as the end of a sentence; null where nothing is, or before its end.</summary>
    public string? OddEnd { get; private set; }

    /// <summary>Goes to the next entry, past what is left of the present one; null at the end.</summary>
    /// <exception cref="WclUsageException">The archive is damaged or cut short.</exception>
    public TarEntry? Next()
    {
        string? longName = null;
        long? longSize = null;
        bool sparse = false;
        while (true)
        {
            if (!SkipTo(next)) throw CutShort();
            int got = ReadUpTo(header);
            if (got == 0)
            {
                OddEnd = "has no end marker, so it may have been cut short there";
                return null;
            }
            if (got < Block) throw CutShort();
            if (!header.AsSpan().ContainsAnyExcept((byte)0))
            {
                OddEnd = OddRest();
                return null;
            }
            if (!HasValidChecksum(header)) throw new WclUsageException(FormattableString.Invariant($"'{name}' is damaged at byte {position - Block:N0}: no tar header there; pack or copy it again."));

            byte type = header[156];
            long size = Number(header.AsSpan(124, 12));
            if (size < 0) throw new WclUsageException(FormattableString.Invariant($"'{name}' is damaged at byte {position - Block:N0}: an entry of negative size; pack or copy it again."));
            // Links, devices, folders and pipes have no content, whatever their header says of its size: some writers give the linked file's.
            long claimed = type is (byte)'x' or (byte)'g' or (byte)'L' or (byte)'K' ? size : type is >= (byte)'1' and <= (byte)'6' ? 0 : longSize ?? size;
            next = claimed > long.MaxValue / 2 ? long.MaxValue : position + (claimed + Block - 1) / Block * Block;
            switch (type)
            {
                case (byte)'L':
                    longName = Text(ReadExtension(size));
                    break;
                case (byte)'x':
                    ReadPax(ReadExtension(size), ref longName, ref longSize, ref sparse);
                    break;
                case (byte)'g' or (byte)'K':
                    break;
                default:
                    string path = longName ?? HeaderName();
                    if (path.Length > MaxName) throw new WclUsageException(FormattableString.Invariant($"'{name}' has an entry with a name of {path.Length:N0} characters, where {MaxName:N0} are the most; leave it out of the archive."));
                    bool isFile = type is 0 or (byte)'0' or (byte)'7' && !path.EndsWith('/');
                    if (type == (byte)'S') (sparse, isFile, next) = (true, true, next + SkipSparseHeaders());
                    return new(Clean(path), isFile && !sparse, type is (byte)'1' or (byte)'2', isFile && sparse, claimed, position);
            }
        }
    }

    /// <summary>Reads the present entry's content.</summary>
    /// <param name="target">As long as the entry.</param>
    /// <exception cref="WclUsageException">The archive is cut short.</exception>
    public void ReadContent(Span<byte> target)
    {
        if (ReadUpTo(target) < target.Length) throw CutShort();
    }

    /// <summary>True where the archive has at least the content of the present entry. Only a seekable one can tell.</summary>
    public bool Holds(TarEntry entry) => !stream.CanSeek || entry.Size <= stream.Length - entry.Offset;

    /// <summary>True for a block that is a tar header.</summary>
    public static bool HasValidChecksum(ReadOnlySpan<byte> block)
    {
        if (block.Length < Block) return false;
        long sum = 8 * ' ';
        for (int i = 0; i < Block; i++)
            if (i is < 148 or >= 156) sum += block[i];
        return sum == Number(block.Slice(148, 8));
    }

    /// <summary>What is odd about the bytes behind the end marker, which are zeros; null where nothing is.</summary>
    private string? OddRest()
    {
        try
        {
            for (int read = 0, got; read < LongestEnd && (got = ReadUpTo(header)) > 0; read += got)
                if (header.AsSpan(0, got).ContainsAnyExcept((byte)0)) return "goes on after its end marker, as two archives in one file do; what follows was left out";
        }
        catch (WclUsageException)
        {
            return "cannot be unpacked to its last byte, so it may be damaged; all that lies before its end marker was read";
        }
        return null;
    }

    /// <summary>Reads past the blocks that go on with the list of an old GNU sparse file's parts, which its size leaves out.</summary>
    /// <returns>Their length.</returns>
    private long SkipSparseHeaders()
    {
        long begin = position;
        for (bool more = header[482] != 0; more; more = header[504] != 0)
            if (ReadUpTo(header) < Block) throw CutShort();
        return position - begin;
    }

    private WclUsageException CutShort() => new(FormattableString.Invariant($"'{name}' is cut short: it ends at byte {position:N0}, inside an entry; copy or download it again."));

    private bool SkipTo(long target)
    {
        if (target == position) return true;
        // What fills an entry's last block is read on: seeking asks the system for the file's length.
        if (target - position is > 0 and < Block and var filling) return ReadUpTo(header.AsSpan(0, (int)filling)) == filling;
        if (stream.CanSeek)
        {
            if (target > stream.Length) return false;
            stream.Position = position = target;
            return true;
        }
        var scratch = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            while (position < target)
                if (ReadUpTo(scratch.AsSpan(0, (int)Math.Min(scratch.Length, target - position))) == 0) return false;
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    private int ReadUpTo(Span<byte> target)
    {
        try
        {
            int got = stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
            position += got;
            return got;
        }
        catch (InvalidDataException e)
        {
            throw new WclUsageException($"'{name}' is damaged ({ErrorText.Of(e)}); copy or download it again.", e);
        }
    }

    private byte[] ReadExtension(long size)
    {
        if (size > MaxExtension) throw new WclUsageException(FormattableString.Invariant($"'{name}' is damaged at byte {position:N0}: a name of {size:N0} bytes; pack or copy it again."));
        var content = new byte[size];
        ReadContent(content);
        return content;
    }

    /// <summary>pax records: "LENGTH KEY=VALUE\n", the length counting all of it.</summary>
    private static void ReadPax(ReadOnlySpan<byte> records, ref string? path, ref long? size, ref bool sparse)
    {
        while (!records.IsEmpty)
        {
            int space = records.IndexOf((byte)' ');
            if (space < 0 || !int.TryParse(records[..space], out int length) || length <= space + 1 || length > records.Length) return;
            var record = records[(space + 1)..(length - 1)];
            // A sparse file's own name counts, not that of the file that GNU's tar makes of it.
            if (record.StartsWith("GNU.sparse.name="u8)) path = Text(record["GNU.sparse.name="u8.Length..]);
            else if (record.StartsWith("path="u8) && !(sparse && path is not null)) path = Text(record["path="u8.Length..]);
            else if (record.StartsWith("size="u8) && long.TryParse(record["size="u8.Length..], out long value) && value >= 0) size = value;
            sparse |= record.StartsWith("GNU.sparse."u8);
            records = records[length..];
        }
    }

    private string HeaderName()
    {
        string ownName = Text(header.AsSpan(0, 100));
        // GNU's old form has other fields where ustar has the prefix; its magic ends in two blanks.
        bool ustar = header.AsSpan(257, 6).SequenceEqual("ustar\0"u8);
        string prefix = ustar ? Text(header.AsSpan(345, 155)) : "";
        return prefix.Length == 0 ? ownName : $"{prefix}/{ownName}";
    }

    /// <summary>Without the parts that mean nothing: ".", and what is between two '/' or before and behind one at either end. Some programs of Windows write '\' between the parts.</summary>
    private static string Clean(string path)
    {
        if (path.Contains('\\') && !path.Contains('/')) path = path.Replace('\\', '/');
        bool hasEmptyParts = path.StartsWith("./", StringComparison.Ordinal) || path.Contains("/.", StringComparison.Ordinal) || path.Contains("//", StringComparison.Ordinal);
        return hasEmptyParts ? string.Join('/', path.Split('/').Where(part => part is not ("." or ""))) : path.Trim('/');
    }

    private static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    /// <summary>Octal digits, or big-endian binary where the first bit is set. -1 where it is neither.</summary>
    private static long Number(ReadOnlySpan<byte> field)
    {
        long value = 0;
        if ((field[0] & 0x80) != 0)
        {
            if ((field[0] & 0x40) != 0) return -1;
            value = field[0] & 0x3F;
            foreach (byte b in field[1..])
            {
                if (value >> 54 != 0) return long.MaxValue;
                value = value << 8 | b;
            }
            return value;
        }
        foreach (byte b in field)
        {
            if (b is 0 or (byte)' ')
            {
                if (value != 0) break;
                continue;
            }
            if (b is < (byte)'0' or > (byte)'7') return -1;
            value = value << 3 | (uint)(b - '0');
        }
        return value;
    }
}
