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
        string temporary = path + ".tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            check?.Invoke(temporary);
            File.Move(temporary, path, overwrite: true);
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

    private static void TryDelete(string path)
    {
        try { File.Delete(path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* the first error is the one to tell */ }
    }
}
