using System.IO.Compression;

namespace WclSharp.Data;

/// <summary>Finds out what kind of source a path is: by its content where that tells, else by its name.</summary>
internal static class ImageSources
{
    private const string Kinds = "a folder, .tar, .tar.gz, CSV or TSV list, IDX file or CIFAR binary file";

    /// <summary>Opens a source.</summary>
    /// <exception cref="WclUsageException">The path does not exist, or is nothing that is read.</exception>
    public static ImageSource Open(string? path)
    {
        if (path is null) return IdxSource.Embedded();
        if (Directory.Exists(path))
        {
            var folder = new FolderSource(path);
            return CifarSource.FromFolder(path, folder) ?? (ImageSource)folder;
        }
        if (!File.Exists(path)) throw new WclUsageException(path.Contains('\uFFFD') ? $"There is no file or folder '{path}': its name is not UTF-8; rename it." : $"There is no file or folder '{path}'; expected {Kinds}.");
        if (SpecialFile.Is(path)) throw new WclUsageException($"'{path}' is a device or a pipe, which can be read once only; save what comes through it as a file, and give that.");

        var start = FirstBytes(path);
        if (IdxFile.Recognises(start)) return IdxSource.FromFile(path);
        if (OtherData.PackedBy(start) is { } packer) throw new WclUsageException($"'{path}' is packed by {packer}, which is not read: unpack it and give the folder, or pack it as .tar.gz.");
        if (TarReader.HasValidChecksum(start) || HasEnding(path, ".tar", ".tgz", ".tar.gz")) return new TarSource(path);
        if (HasEnding(path, ".csv", ".tsv")) return new ListSource(path);
        if (HasEnding(path, ".bin")) return CifarSource.FromFile(path);
        if (Path.GetFileName(path).Contains("ubyte", StringComparison.OrdinalIgnoreCase)) return IdxSource.FromFile(path); // says what is wrong with it
        string advice = ImageFormats.Recognise(start) != ImageFormat.Unknown ? "it is a single image; give the folder it lies in" : $"expected {Kinds}";
        throw new WclUsageException($"'{path}' is not a source of images that is read: {advice}.");
    }

    private static bool HasEnding(string path, params ReadOnlySpan<string> endings)
    {
        foreach (string ending in endings)
            if (path.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }

    /// <summary>The first 512 bytes, of what is packed where the file is gzipped.</summary>
    private static byte[] FirstBytes(string path)
    {
        var start = new byte[512];
        try
        {
            using var file = File.OpenRead(path);
            int got = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            if (got < 2 || start[0] != 0x1F || start[1] != 0x8B) return start[..got];
            file.Position = 0;
            using var gzip = new GZipStream(file, CompressionMode.Decompress);
            return start[..gzip.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (InvalidDataException)
        {
            return []; // damaged: whoever the name says it belongs to will tell
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"'{path}' cannot be read: {e.Message}", e);
        }
    }
}
