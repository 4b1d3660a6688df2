namespace WclSharp.Data;

/// <summary>Files of data sets that are read where they are given themselves, but not among image files: said where there are none of these.</summary>
internal static class OtherData
{
    /// <summary>True for the name of a CIFAR file or of an IDX file of images.</summary>
    public static bool Is(ReadOnlySpan<char> name) => IsCifar(name) || name.Contains("idx3-ubyte", StringComparison.OrdinalIgnoreCase);

    /// <summary>What to do with a file that was met in a folder, as the end of a sentence; empty for none.</summary>
    public static string InFolder(string? file) => file is null ? ""
        : IsCifar(Path.GetFileName(file)) ? $"; '{file}' is a CIFAR file, so give the folder that it lies in" : $"; '{file}' is an IDX file, so give the file itself";

    /// <summary>The same of one that was met in an archive.</summary>
    public static string InArchive(string? entry) => entry is null ? ""
        : $"; '{entry}' is {(IsCifar(Path.GetFileName(entry)) ? "a CIFAR file, so unpack the archive and give the folder that it lies in" : "an IDX file, so unpack the archive and give the file itself")}";

    /// <summary>What a file is packed with that is not unpacked here, by its first bytes; null for none.</summary>
    public static string? PackedBy(ReadOnlySpan<byte> start) =>
        start.StartsWith("PK\u0003\u0004"u8) ? "zip"
        : start.StartsWith("BZh"u8) && start.Length >= 10 && start[4..10].SequenceEqual((ReadOnlySpan<byte>)[0x31, 0x41, 0x59, 0x26, 0x53, 0x59]) ? "bzip2"
        : start.StartsWith((ReadOnlySpan<byte>)[0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0]) ? "xz"
        : start.StartsWith((ReadOnlySpan<byte>)[(byte)'7', (byte)'z', 0xBC, 0xAF, 0x27, 0x1C]) ? "7-Zip"
        : start.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]) ? "zstd"
        : null;

    private static bool IsCifar(ReadOnlySpan<char> name) =>
        name.Equals("test_batch.bin", StringComparison.Ordinal) || (name.StartsWith("data_batch_", StringComparison.Ordinal) && name.EndsWith(".bin", StringComparison.Ordinal));
}
