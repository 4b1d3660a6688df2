using System.Text.RegularExpressions;

namespace WclSharp.Data;

/// <summary>A file that is written under a temporary name of its own, beside the one that it gets when it is whole: two that are to get one name do not meet before.</summary>
internal sealed partial class PendingFile : IDisposable
{
    // Below the size from which .NET puts arrays on the heap that it rarely clears: a process that saves every epoch would grow.
    private const int BufferBytes = 1 << 16;
    private const int LongestKept = 48; // characters, of four bytes at most
    private const int RandomLetters = 8;
    private bool kept;

    /// <param name="path">The file; of a link, what it leads to.</param>
    /// <param name="ending">What the temporary name ends with.</param>
    /// <exception cref="IOException">It cannot be made, or a device or a pipe has its name.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public PendingFile(string path, string ending = ".tmp")
    {
        Target = FileLinks.FinalTarget(path);
        SpecialFile.Refuse(Target);
        Stream = new FileStream(Temporary(Target, ending), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferBytes);
    }

    /// <summary>A name beside a file's: its own with more behind it, of which a long one keeps the beginning alone, since names have room for 255 bytes.</summary>
    private static string Temporary(string target, string ending) =>
        Path.Combine(Path.GetDirectoryName(target) ?? "", $"{Start(target)}.{Path.GetRandomFileName()[..RandomLetters]}{ending}");

    private static string Start(string target) => Path.GetFileName(target) is { Length: > LongestKept } name ? name[..LongestKept] : Path.GetFileName(target);

    /// <summary>Whether a file is what a process that was killed has left of another, or one that is writing it has.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Name of the other. Of a long one nothing is known, since others begin alike.</param>
    public static bool IsTemporaryOf(string path, string name) =>
        name.Length < LongestKept && Path.GetFileName(path) is var own && own.StartsWith(name + '.', StringComparison.Ordinal) && TemporaryEnd().Match(own) is { Success: true } end && end.Index == name.Length;

    /// <summary>Deletes what processes that were killed have left of a file, which nobody but the caller may be writing.</summary>
    /// <param name="path">The file; of a link, what it leads to.</param>
    public static void DeleteLeftOf(string path)
    {
        string target = Path.GetFullPath(FileLinks.FinalTarget(path));
        DeleteLeft(Path.GetDirectoryName(target)!, file => IsTemporaryOf(file, Path.GetFileName(target)));
    }

    /// <summary>Deletes what processes that were killed have left in a folder, in which nobody but the caller may be writing, nor keep files of their own.</summary>
    public static void DeleteLeftIn(string folder) => DeleteLeft(folder, file => TemporaryEnd().IsMatch(Path.GetFileName(file)));

    private static void DeleteLeft(string folder, Func<string, bool> isMeant) => Guarded(() =>
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*.tmp").Where(isMeant).ToList()) Guarded(() => File.Delete(file));
    });

    [GeneratedRegex(@"\.[a-z0-9]{8}(\.[a-z]+)?\.tmp$")]
    private static partial Regex TemporaryEnd();

    /// <summary>What is written; it may be read again.</summary>
    public FileStream Stream { get; }

    /// <summary>The name that it gets.</summary>
    public string Target { get; }

    /// <summary>Writes what is buffered to the disk, and closes the stream.</summary>
    public void Close()
    {
        if (!Stream.CanWrite) return;
        DiskFlush.Of(Stream);
        Stream.Dispose();
    }

    /// <summary>Closes it, and gives it its name. A file of that name is replaced.</summary>
    public void Keep()
    {
        Close();
        File.Move(Stream.Name, Target, overwrite: true);
        kept = true;
    }

    /// <summary>Closes it; where it was not kept, nothing is left of it.</summary>
    public void Dispose()
    {
        Guarded(Stream.Dispose); // writes what is buffered, for which a full disk has no place
        if (!kept) Guarded(() => File.Delete(Stream.Name));
    }

    private static void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            // The first error is the one to tell.
        }
    }
}
