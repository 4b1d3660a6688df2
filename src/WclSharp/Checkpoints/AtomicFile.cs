using WclSharp.Data;

namespace WclSharp.Checkpoints;

/// <summary>Writes files that appear whole or not at all: into a temporary name, to the disk, then renamed.</summary>
internal static class AtomicFile
{
    // Below the size from which .NET puts arrays on the heap that it rarely clears: a process that saves every epoch would grow.
    private const int BufferBytes = 1 << 16;

    /// <param name="path">The file.</param>
    /// <param name="write">Writes its content.</param>
    /// <param name="check">Given the name of the whole file before it gets its own; may refuse it by an exception. Null checks nothing.</param>
    /// <exception cref="WclException">The disk is full or the folder is not writable; the old file is untouched.</exception>
    public static void Write(string path, Action<Stream> write, Action<string>? check = null)
    {
        string target = FileLinks.FinalTarget(path), temporary = target + ".tmp";
        try
        {
            bool device = IsDevice(path) || IsDevice(target);
            if (device) temporary = Path.GetTempFileName();
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            check?.Invoke(temporary);
            if (device) CopyInto(path, temporary);
            else File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw new WclException($"Could not write '{path}': {e.Message.TrimEnd('.')}. Free some space or give another folder with --out; what was saved before is intact.", e);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    /// <summary>Writes text as UTF-8.</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes a file into what is none, and deletes it.</summary>
    private static void CopyInto(string device, string file)
    {
        using (var from = File.OpenRead(file))
        using (var to = new FileStream(device, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            if (to.CanSeek) to.Seek(0, SeekOrigin.End); // standard output in a file
            from.CopyTo(to);
        }
        File.Delete(file);
    }

    /// <summary>Whether a path is a device or a pipe, as /dev/stdout and the shell's &gt;(...) are: there is nothing to rename.</summary>
    private static bool IsDevice(string path)
    {
        string full = Path.GetFullPath(path);
        return !OperatingSystem.IsWindows() && File.Exists(full)
            && (full.StartsWith("/dev/", StringComparison.Ordinal) || full.StartsWith("/proc/", StringComparison.Ordinal)) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal);
    }

    private static void TryDelete(string path)
    {
        try { File.Delete(path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* the first error is the one to tell */ }
    }
}
