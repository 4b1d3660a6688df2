using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using WclSharp.Files;

namespace WclSharp.Embedding;

/// <summary>An image of a part: a row, or the reason why there is none.</summary>
/// <param name="Name">The image's path in its source, or its number.</param>
/// <param name="Label">Its class; null for none.</param>
/// <param name="Problem">Why it could not be read; null where it could.</param>
/// <param name="IsTransient">Whether that is the disk's or a permission's fault, so that it may be readable another time.</param>
internal readonly record struct EmbeddedRecord(string Name, string? Label, string? Problem, bool IsTransient = false);

/// <summary>
/// A stretch of a source's images, with their vectors, as a file. Little-endian: where the stretch begins and ends in the source and the numbers of rows and of unreadable
/// images (4 x int32), a record an image (kind, name, label or reason, numbers), and the SHA-256 of all that.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Begin">Position of the first image.</param>
/// <param name="End">Position after the last.</param>
/// <param name="Rows">Images with a vector.</param>
/// <param name="Bad">Images without.</param>
internal sealed record EmbeddedPart(string Path, int Begin, int End, int Rows, int Bad)
{
    private const byte Unlabelled = 0, Labelled = 1, Unreadable = 2, Unopened = 3;

    /// <summary>Writes a part: it has its name when it is whole and on the disk.</summary>
    /// <param name="records">What <see cref="Append"/> wrote.</param>
    public void Write(ReadOnlyMemory<byte> records) => AtomicFile.Write(Path, stream =>
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var head = MemoryMarshal.AsBytes<int>([Begin, End, Rows, Bad]);
        hash.AppendData(head);
        hash.AppendData(records.Span);
        stream.Write(head);
        stream.Write(records.Span);
        stream.Write(hash.GetHashAndReset());
    });

    /// <summary>Opens a part that another process wrote; reads all of it once.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static EmbeddedPart Open(string path)
    {
        using var file = File.OpenRead(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var head = new int[4];
        var buffer = new byte[1 << 16];
        long left = file.Length - SHA256.HashSizeInBytes;
        if (left < 4 * sizeof(int)) throw new InvalidDataException("it is cut off");
        file.ReadExactly(MemoryMarshal.AsBytes(head.AsSpan()));
        hash.AppendData(MemoryMarshal.AsBytes(head.AsSpan()));
        for (left -= 4 * sizeof(int); left > 0;)
        {
            int read = file.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
            if (read == 0) throw new InvalidDataException("it is cut off");
            hash.AppendData(buffer.AsSpan(0, read));
            left -= read;
        }
        file.ReadExactly(buffer.AsSpan(0, SHA256.HashSizeInBytes));
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(buffer.AsSpan(0, SHA256.HashSizeInBytes))) throw new InvalidDataException("its SHA-256 is not the one in it");
        return new(path, head[0], head[1], head[2], head[3]);
    }

    /// <summary>Appends a record.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="record">The image.</param>
    /// <param name="features">Its vector; empty where it could not be read.</param>
    public static void Append(BinaryWriter target, EmbeddedRecord record, ReadOnlySpan<float> features)
    {
        target.Write(record.Problem is not null ? record.IsTransient ? Unopened : Unreadable : record.Label is not null ? Labelled : Unlabelled);
        target.Write(record.Name);
        if ((record.Problem ?? record.Label) is { } text) target.Write(text);
        target.Write(MemoryMarshal.AsBytes(features));
    }

    /// <summary>The records of the part, in the source's order.</summary>
    /// <param name="features">[F]: the vector of the row that was given last.</param>
    public IEnumerable<EmbeddedRecord> Records(float[] features)
    {
        using var file = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        file.Position = 4 * sizeof(int);
        foreach (var record in Records(file, Rows + Bad, features)) yield return record;
    }

    /// <summary>Records that <see cref="Append"/> wrote.</summary>
    public static IEnumerable<EmbeddedRecord> Records(Stream source, int count, float[] features)
    {
        using var reader = new BinaryReader(source, Encoding.UTF8, leaveOpen: true);
        for (int i = 0; i < count; i++)
        {
            byte kind = reader.ReadByte();
            string name = reader.ReadString();
            string? text = kind == Unlabelled ? null : reader.ReadString();
            if (kind is Unreadable or Unopened)
            {
                yield return new(name, null, text, kind == Unopened);
                continue;
            }
            reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(features.AsSpan()));
            yield return new(name, text, null);
        }
    }
}
