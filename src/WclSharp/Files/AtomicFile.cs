using WclSharp.Data;

namespace WclSharp.Files;

/// <summary>Writes files that appear whole or not at all: into a temporary name, to the disk, then renamed.</summary>
internal static class AtomicFile
{
    /// <param name="path">The file.</param>
    /// <param name="write">Writes its content.</param>
    /// <param name="check">Given the name of the whole file before it gets its own; may refuse it by an exception. Null checks nothing.</param>
    /// <param name="option">The option that names the file, for errors; null where none does.</param>
    /// <exception cref="WclException">The disk is full or the folder is not writable; the old file is untouched.</exception>
    public static void Write(string path, Action<Stream> write, Action<string>? check = null, string? option = null)
    {
        try
        {
            bool device = IsWrittenInto(path);
            using var file = new PendingFile(device ? Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()) : path);
            write(file.Stream);
            file.Close();
            check?.Invoke(file.Stream.Name);
            if (device) CopyInto(path, file.Stream.Name);
            else file.Keep();
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            throw new WclException($"Could not write '{path}': {WriteAdvice.Reason(e)}. {WriteAdvice.For(e, option)}; what was saved before is intact.", e);
        }
    }

    /// <summary>Writes text as UTF-8.</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes a file into what is none.</summary>
    private static void CopyInto(string device, string file)
    {
        using var from = File.OpenRead(file);
        using var to = new FileStream(device, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        if (to.CanSeek) to.Seek(0, SeekOrigin.End); // standard output in a file
        from.CopyTo(to);
    }

    /// <summary>Whether a path leads to what is no file, into which is written without a temporary name.</summary>
    public static bool IsWrittenInto(string path) => IsDevice(path) || IsDevice(FileLinks.FinalTarget(path));

    /// <summary>Whether a path is a device or a pipe, as /dev/stdout and the shell's &gt;(...) are: there is nothing to rename.</summary>
    private static bool IsDevice(string path)
    {
        string full = Path.GetFullPath(path);
        return SpecialFile.Is(full) || !OperatingSystem.IsWindows() && File.Exists(full)
            && (full.StartsWith("/dev/", StringComparison.Ordinal) || full.StartsWith("/proc/", StringComparison.Ordinal)) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal);
    }
}
