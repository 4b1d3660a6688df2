using System.Text.Json.Serialization.Metadata;
using WclSharp.Data;

namespace WclSharp.Files;

/// <summary>
/// A folder of results that hang on settings: <c>config.json</c> holds these, a lock keeps a second process out, and the same settings go on with what is there.
/// </summary>
internal sealed class ResultFolder : IDisposable
{
    /// <summary>The file that holds the settings.</summary>
    public const string ConfigFile = ResultNames.Config;

    private const string Lock = ".lock";

    private static readonly EnumerationOptions Everywhere = new() { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = 0 };

    private readonly FileStream held;

    private ResultFolder(string path, FileStream held) => (FullPath, this.held) = (path, held);

    public string FullPath { get; }

    /// <summary>A file or folder in it.</summary>
    public string this[string name] => Path.Combine(FullPath, name);

    /// <summary>Makes the folder, or opens one to go on with.</summary>
    /// <param name="path">Folder.</param>
    /// <param name="settings">What results hang on.</param>
    /// <param name="type">How that is written.</param>
    /// <param name="what">What makes such results, for errors.</param>
    /// <param name="known">What the settings are called, for errors.</param>
    /// <exception cref="WclUsageException">It holds something else, or results of other settings, or cannot be written to.</exception>
    public static ResultFolder Open<T>(string path, T settings, JsonTypeInfo<T> type, string what, IReadOnlyList<ResultSetting> known)
    {
        byte[] json = JsonText.Page(settings, type);
        return Open(path, json, what, there => ResultSettings.RequireSame(there, json, known), there => JsonText.Is(there, type));
    }

    /// <summary>Makes the folder, or opens one to go on with.</summary>
    /// <param name="path">Folder.</param>
    /// <param name="settings">What is written down as the settings.</param>
    /// <param name="what">What makes such results, for errors.</param>
    /// <param name="requireSame">Given the settings' file that is there; refuses others by an exception.</param>
    /// <param name="areOfKind">Given such a file that stands alone, whether it is one of ours, without a result yet: any other program's may be called the same.</param>
    /// <exception cref="WclUsageException">It holds something else, or results of other settings, or cannot be written to.</exception>
    public static ResultFolder Open(string path, byte[] settings, string what, Action<string> requireSame, Predicate<string> areOfKind)
    {
        path = Path.GetFullPath(path);
        string config = Path.Combine(path, ConfigFile);
        if (File.Exists(path)) throw new WclUsageException($"--out {path} is a file; name a folder.");
        if (HasResults(path)) requireSame(config);
        else if (!(File.Exists(config) && areOfKind(config)) && Directory.Exists(path)
            && Directory.EnumerateFileSystemEntries(path).Any(entry => Path.GetFileName(entry) != Lock && !PendingFile.IsTemporaryOf(entry, ConfigFile))) // what a process that was killed at once left
            throw new WclUsageException($"The folder {path} is not empty and holds no {what}; name a new folder with --out.");

        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(path);
            held = new FileStream(Path.Combine(path, Lock), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            PendingFile.DeleteLeftOf(config);
            AtomicFile.Write(config, stream => stream.Write(settings));
            return new ResultFolder(path, held);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new WclUsageException($"Cannot write to {path}: {ErrorText.Of(e)}. Name another folder with --out, and see that no other process works in it.", e);
        }
        catch
        {
            held?.Dispose();
            throw;
        }
    }

    /// <summary>Whether a folder has settings and anything that hangs on them: one whose command failed before it had a result may be begun anew with others.</summary>
    public static bool HasResults(string path)
    {
        string config = Path.Combine(path, ConfigFile);
        return File.Exists(config) && Directory.EnumerateFiles(path, "*", Everywhere).Any(file => file != config && Path.GetFileName(file) != Lock && !PendingFile.IsTemporaryOf(file, ConfigFile));
    }

    public void Dispose() => held.Dispose();
}
