using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using System.Text.Json;

namespace WclSharp.Inference;

/// <summary>
/// The front of an index file, and from it where everything lies: header, metadata (a JSON object of strings), rows from the next multiple of 64, texts, and
/// N + 1 offsets into the texts. Numbers are little-endian.
/// </summary>
/// <remarks>
/// Header: magic, version, format, F, length of the metadata (uint32 each), N, length of the texts, length of the file (int64 each), 8 bytes of zero, and
/// the SHA-256 of all that and the metadata. A text is the length of the name, that of the label or -1 (int32 each), then both as UTF-8.
/// </remarks>
internal sealed record IndexHeader(IndexFormat Format, int FeatureSize, byte[] Metadata, long Count, long TextBytes)
{
    /// <summary>Bytes of the header.</summary>
    public const int Bytes = 96;

    /// <summary>Bounds on what a file may claim.</summary>
    public const int LargestFeatureSize = 1 << 20, LargestMetadata = 1 << 20;

    private const int HashAt = 64, Alignment = 64;
    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "WCLINDEX"u8;

    /// <summary>Bytes of a row.</summary>
    public int Stride => StrideOf(Format, FeatureSize);

    /// <summary>Where the rows begin.</summary>
    public long RowsAt => AlignUp(Bytes + Metadata.Length, Alignment);

    /// <summary>Where the texts begin.</summary>
    public long TextsAt => RowsAt + Count * Stride;

    /// <summary>Where the offsets begin.</summary>
    public long OffsetsAt => AlignUp(TextsAt + TextBytes, sizeof(long));

    /// <summary>Length of the file.</summary>
    public long FileBytes => OffsetsAt + (Count + 1) * sizeof(long);

    /// <summary>The strings of the metadata.</summary>
    public IReadOnlyDictionary<string, string> Entries(string path)
    {
        try
        {
            if (JsonSerializer.Deserialize(Metadata, OnnxJson.Default.DictionaryStringString) is { } entries && !entries.ContainsValue(null!)) return entries;
        }
        catch (JsonException)
        {
        }
        throw Damaged(path, "its metadata are no JSON object of strings");
    }

    /// <summary>Bytes of a row: its numbers, after its scale where it has one.</summary>
    public static int StrideOf(IndexFormat format, int featureSize) => format switch
    {
        IndexFormat.Float32 => sizeof(float) * featureSize,
        IndexFormat.Fp16 => sizeof(ushort) * featureSize,
        _ => sizeof(float) + featureSize,
    };

    /// <summary>Header and metadata as they stand in the file.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[Bytes + Metadata.Length];
        Magic.CopyTo(bytes);
        uint[] numbers = [Version, (uint)Format, (uint)FeatureSize, (uint)Metadata.Length];
        for (int i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8 + 4 * i), numbers[i]);
        long[] lengths = [Count, TextBytes, FileBytes];
        for (int i = 0; i < lengths.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24 + 8 * i), lengths[i]);
        Metadata.CopyTo(bytes, Bytes);
        Hash(bytes).CopyTo(bytes, HashAt);
        return bytes;
    }

    /// <summary>Reads and checks the front of a file.</summary>
    /// <exception cref="WclUsageException">It is no index, or damaged.</exception>
    public static IndexHeader Read(Stream file, string path)
    {
        long length = file.Length;
        var start = new byte[Bytes];
        int got = file.ReadAtLeast(start, Bytes, throwOnEndOfStream: false);
        if (got < Magic.Length || !start.AsSpan().StartsWith(Magic)) throw new WclUsageException($"'{path}' is not an index of images; give a file that wcl index wrote.");
        if (got < Bytes) throw Damaged(path, $"it ends after {got} bytes");
        uint version = Number(0);
        if (version != Version) throw new WclUsageException($"'{path}' has version {version} of the format; this version reads {Version}. Index the images anew.");
        uint format = Number(1), featureSize = Number(2), metadataBytes = Number(3);
        if (format > (uint)IndexFormat.Int8) throw Damaged(path, $"it names a number format {format}");
        if (featureSize is 0 or > LargestFeatureSize) throw Damaged(path, $"it claims vectors of {featureSize} numbers");
        if (metadataBytes > LargestMetadata || metadataBytes > length - Bytes) throw Damaged(path, $"it claims metadata of {metadataBytes} bytes");
        long count = Length(0), textBytes = Length(1), fileBytes = Length(2);
        if (count is < 0 or > int.MaxValue) throw Damaged(path, $"it claims {count} rows");
        if (textBytes < 0 || textBytes > length) throw Damaged(path, $"it claims names of {textBytes} bytes");

        var metadata = new byte[metadataBytes];
        file.ReadExactly(metadata);
        var header = new IndexHeader((IndexFormat)format, (int)featureSize, metadata, count, textBytes); // its places cannot overflow: 2^31 rows of 2^22 bytes, and the texts
        if (fileBytes != length || header.FileBytes != length) throw Damaged(path, $"it has {length} bytes where it should have {header.FileBytes}");
        if (!header.ToBytes().AsSpan(HashAt, SHA256.HashSizeInBytes).SequenceEqual(start.AsSpan(HashAt))) throw Damaged(path, "its header does not have the checksum that it should have");
        return header;

        uint Number(int i) => BinaryPrimitives.ReadUInt32LittleEndian(start.AsSpan(8 + 4 * i));

        long Length(int i) => BinaryPrimitives.ReadInt64LittleEndian(start.AsSpan(24 + 8 * i));
    }

    /// <summary>What a person is told of a damaged file.</summary>
    public static WclUsageException Damaged(string path, string why) => new($"'{path}' is damaged: {why}. Index the images anew.");

    private static byte[] Hash(byte[] bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(bytes.AsSpan(0, HashAt));
        hash.AppendData(bytes.AsSpan(Bytes));
        return hash.GetHashAndReset();
    }

    private static T AlignUp<T>(T value, T multiple) where T : IBinaryInteger<T> => (value + multiple - T.One) / multiple * multiple;
}
