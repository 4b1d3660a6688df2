namespace WclSharp.Checkpoints;

/// <summary>
/// A folder of results that hang on settings: <c>config.json</c> holds these, a lock keeps a second process out, and the same settings go on with what is there.
/// </summary>
internal sealed class ResultFolder : IDisposable
{
    private readonly FileStream held;

    private ResultFolder(string path, FileStream held) => (FullPath, this.held) = (path, held);

    public string FullPath { get; }

    /// <summary>A file or folder in it.</summary>
    public string this[string name] => Path.Combine(FullPath, name);

    /// <summary>Makes the folder, or opens one to go on with.</summary>
    /// <param name="path">Folder.</param>
    /// <param name="settings">What results hang on, as JSON; compared byte by byte.</param>
    /// <param name="what">What makes such results, for errors.</param>
    /// <param name="hangsOn">What may differ between two settings, for errors.</param>
    /// <exception cref="WclUsageException">It holds something else, or results of other settings, or cannot be written to.</exception>
    public static ResultFolder Open(string path, byte[] settings, string what, string hangsOn)
    {
        path = Path.GetFullPath(path);
        string config = Path.Combine(path, "config.json");
        if (File.Exists(path)) throw new WclUsageException($"--out {path} is a file; name a folder.");
        if (File.Exists(config))
        {
            if (!File.ReadAllBytes(config).AsSpan().SequenceEqual(settings))
                throw new WclUsageException($"The folder {path} holds results of {hangsOn}; name a new folder with --out (its config.json says which).");
        }
        else if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
        {
            throw new WclUsageException($"The folder {path} is not empty and holds no {what}; name a new folder with --out.");
        }

        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(path);
            held = new FileStream(Path.Combine(path, ".lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            AtomicFile.Write(config, stream => stream.Write(settings));
            return new ResultFolder(path, held);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new WclUsageException($"Cannot write to {path}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}. Name another folder with --out, and see that no other process works in it.", e);
        }
    }

    public void Dispose() => held.Dispose();
}
