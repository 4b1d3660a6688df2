using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace WclSharp.Checkpoints.PyTorch;

/// <summary>What <c>torch.save</c> writes since version 1.6: a zip archive of a pickle and of a file for each storage.</summary>
internal sealed class ZipContainer : PyTorchContainer
{
    private readonly ZipArchive archive;
    private readonly string folder;
    private readonly long most; // bytes of the file, which no part of it can exceed

    /// <summary>Whether a file begins as such an archive.</summary>
    public static bool Recognises(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8);

    /// <param name="stream">The file, which stays the caller's.</param>
    /// <exception cref="FormatException">It is damaged, or something else.</exception>
    public ZipContainer(Stream stream)
    {
        most = stream.Length;
        archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
        var pickle = archive.Entries.FirstOrDefault(entry => entry.FullName == "data.pkl" || entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal))
            ?? throw new FormatException("the archive has no data.pkl");
        folder = pickle.FullName[..^"data.pkl".Length];
        if (archive.GetEntry(folder + "byteorder") is { } order && Encoding.ASCII.GetString(Content(order, 16)).Trim() == "big") throw new FormatException("its numbers are big-endian");
        Description = new PickleReader(Content(pickle, LargestPickle)).Read();
    }

    /// <inheritdoc/>
    public override object? Description { get; }

    /// <inheritdoc/>
    public override long LengthOf(string key) => StorageOf(key).Length;

    /// <inheritdoc/>
    public override void Read(string key, Span<byte> bytes) => Fill(StorageOf(key), bytes);

    private ZipArchiveEntry StorageOf(string key) => archive.GetEntry($"{folder}data/{key}") ?? throw new FormatException($"the numbers of storage {key} are missing");

    private byte[] Content(ZipArchiveEntry entry, int largest)
    {
        RequireStored(entry); // what an entry says of its size is no reason to allocate as much
        if (entry.Length > largest) throw new FormatException($"{entry.FullName} has {entry.Length} bytes; at most {largest} are read");
        var bytes = new byte[entry.Length];
        Fill(entry, bytes);
        return bytes;
    }

    private void RequireStored(ZipArchiveEntry entry)
    {
        // torch.save does not compress; what is compressed could be a bomb.
        if (entry.CompressedLength != entry.Length) throw new FormatException($"{entry.FullName} is compressed, which torch.save does not do");
        if (entry.Length > most) throw new FormatException($"{entry.FullName} says that it has {entry.Length} bytes, more than the file");
    }

    private void Fill(ZipArchiveEntry entry, Span<byte> bytes)
    {
        RequireStored(entry);
        using var stream = entry.Open();
        stream.ReadExactly(bytes);
        // 0 is what torch.save writes where it was told not to compute one.
        if (entry.Crc32 != 0 && entry.Crc32 != Crc32.HashToUInt32(bytes)) throw new FormatException($"{entry.FullName} is damaged (its checksum is another); copy or download the file again");
    }

    /// <inheritdoc/>
    public override void Dispose() => archive.Dispose();
}
