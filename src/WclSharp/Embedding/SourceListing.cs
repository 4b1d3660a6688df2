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
/// SHA-256 of names, classes, and the sizes and times of the files (of a link, those of the file that it leads to), hexadecimal. Files that were replaced by others with the same name, size and time go unnoticed.
/// </param>
/// <param name="Absent">Images whose files are not there, in stretches: the position of the first and their number, of each stretch.</param>
/// <param name="HashAsBefore">The hash that there would be if the images that were absent at an earlier time still were.</param>
internal sealed record SourceListing(int Total, FolderClasses? Folders, string Hash, IReadOnlyList<int> Absent, string HashAsBefore)
{
    /// <summary>Lists a source; one whose images are known by their number alone is not gone through.</summary>
    /// <param name="source">The source.</param>
    /// <param name="absentBefore"><see cref="Absent"/> of an earlier time; may be empty.</param>
    /// <param name="classNames">Classes that are known beforehand, whose names a folder of all images may bear; may be empty.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static SourceListing Of(ImageSource source, IReadOnlyList<int> absentBefore, IReadOnlyList<string> classNames, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256), before = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IncrementalHash[] hashes = [hash, before];
        foreach (string file in source.Files) AppendFile(SizeAndTime(file), hashes);
        var absent = new List<int>();
        int stretch = 0; // of those before, the one that is ahead or begun
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
                AppendText(image.Name, hashes);
                AppendText(image.Class, hashes);
                if (source.FileOf(image.Name) is { } file)
                {
                    var found = SizeAndTime(file);
                    if (found == None) AddTo(absent, total);
                    while (stretch < absentBefore.Count && absentBefore[stretch] + absentBefore[stretch + 1] <= total) stretch += 2;
                    bool wasAbsent = stretch < absentBefore.Count && total >= absentBefore[stretch];
                    AppendFile(found, hash);
                    AppendFile(wasAbsent ? None : found, before);
                }
                if (++total % 4096 == 0) progress.Working("Listing images", total, null);
            }
        }
        AppendNumber(total, hashes);
        return new(total, folders, Convert.ToHexStringLower(hash.GetHashAndReset()), absent, Convert.ToHexStringLower(before.GetHashAndReset()));
    }

    private static (long Bytes, long Ticks) None => (-1, 0);

    /// <summary>Of a link those of the file that it leads to, whose pixels are read.</summary>
    private static (long Bytes, long Ticks) SizeAndTime(string path)
    {
        var file = new FileInfo(path);
        if (file.Exists && (file.Attributes & FileAttributes.ReparsePoint) != 0)
        {
            try
            {
                if (file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) file = target;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return None; // a link that leads in a circle
            }
        }
        return file.Exists ? (file.Length, file.LastWriteTimeUtc.Ticks) : None;
    }

    private static void AddTo(List<int> stretches, int position)
    {
        if (stretches.Count > 0 && stretches[^2] + stretches[^1] == position) stretches[^1]++;
        else stretches.AddRange([position, 1]);
    }

    private static void AppendFile((long Bytes, long Ticks) file, params ReadOnlySpan<IncrementalHash> hashes)
    {
        AppendNumber(file.Bytes, hashes);
        AppendNumber(file.Ticks, hashes);
    }

    /// <summary>The length first, so that no two lists of names run together alike.</summary>
    private static void AppendText(string? text, params ReadOnlySpan<IncrementalHash> hashes)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text ?? "");
        AppendNumber(text is null ? -1 : bytes.Length, hashes);
        foreach (var hash in hashes) hash.AppendData(bytes);
    }

    private static void AppendNumber(long number, params ReadOnlySpan<IncrementalHash> hashes)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        foreach (var hash in hashes) hash.AppendData(bytes);
    }
}
