using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using WclSharp.Data;
using WclSharp.Training;

namespace WclSharp.Embedding;

/// <summary>
/// What is known of a source before its images are read: their number, so that the time left is known, all paths where classes are folders, since their common folder
/// tells which, and a hash by which the same images are known again.
/// </summary>
/// <param name="Total">Number of images.</param>
/// <param name="Folders">The classes that paths tell; null where they tell none.</param>
/// <param name="Hash">
/// SHA-256 of names, classes, and the sizes and times of the files, hexadecimal. Files that were replaced by others with the same name, size and time go unnoticed.
/// </param>
internal sealed record SourceListing(int Total, FolderClasses? Folders, string Hash)
{
    /// <summary>Lists a source; one whose images are known by their number alone is not gone through.</summary>
    /// <param name="source">The source.</param>
    /// <param name="classNames">Classes that are known beforehand, whose names a folder of all images may bear; may be empty.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static SourceListing Of(ImageSource source, IReadOnlyList<string> classNames, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in source.Files) AppendFile(hash, file);
        var folders = source.ClassesAreFolders ? new FolderClasses(classNames) : null;
        int total = 0;
        if (folders is null && source.Total is { } known)
        {
            total = known;
        }
        else
        {
            foreach (var image in source.Images(_ => false))
            {
                cancellation.ThrowIfCancellationRequested();
                folders?.Observe(image.Name);
                AppendText(hash, image.Name);
                AppendText(hash, image.Class);
                if (source.FileOf(image.Name) is { } file) AppendFile(hash, file);
                if (++total % 4096 == 0) progress.Working("Listing images", total, null);
            }
        }
        AppendNumber(hash, total);
        return new(total, folders, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static void AppendFile(IncrementalHash hash, string path)
    {
        var file = new FileInfo(path);
        AppendNumber(hash, file.Exists ? file.Length : -1);
        AppendNumber(hash, file.Exists ? file.LastWriteTimeUtc.Ticks : 0);
    }

    /// <summary>The length first, so that no two lists of names run together alike.</summary>
    private static void AppendText(IncrementalHash hash, string? text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text ?? "");
        AppendNumber(hash, text is null ? -1 : bytes.Length);
        hash.AppendData(bytes);
    }

    private static void AppendNumber(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
