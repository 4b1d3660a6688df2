using System.Globalization;
using System.Text;
using System.Text.Json;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Files;
using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>
/// The folder of one run: <c>config.json</c>, <c>metrics.jsonl</c>, <c>summary.json</c>, <c>train.log</c>,
/// <c>bad_images.csv</c>, <c>checkpoints/</c> and <c>plots/</c>. One process at a time writes to it, by <c>run.lock</c>.
/// </summary>
internal sealed class RunFolder : IDisposable
{
    /// <summary>Name of the list of unreadable images.</summary>
    public const string BadImages = "bad_images.csv";

    /// <summary>Folder in that of a run where its encoder is fine-tuned, unless told otherwise.</summary>
    public const string FineTuning = "finetune";

    /// <summary>Folder in that of a run for the groups of its images, likewise.</summary>
    public const string Groups = "groups";

    /// <summary>Folder in that of a run for the images to label first, likewise.</summary>
    public const string Suggestions = "suggest";

    /// <summary>Folder beside a classifier, as in <see cref="FineTuning"/>, for what is distilled from it, likewise.</summary>
    public const string Distilled = "distilled";

    private const string LockName = "run.lock", LogName = "train.log", Metrics = "metrics.jsonl", Summary = "summary.json";
    private const string BadTestImages = "bad_test_images.csv", Checkpoints = "checkpoints", Plots = "plots";

    /// <summary>Files of the run that are written under temporary names.</summary>
    private static readonly string[] Own = [ResultFolder.ConfigFile, Metrics, Summary, ResultNames.Encoder, BadImages, BadTestImages];

    private readonly Lock gate = new();
    private readonly FileStream held;
    private readonly StreamWriter log;

    private RunFolder(string path, bool resume)
    {
        FullPath = path;
        try
        {
            held = TakeLock(path);
            // Beside its own files other commands write theirs.
            foreach (string own in Own) PendingFile.DeleteLeftOf(Path.Combine(path, own));
            foreach (string folder in (string[])[CheckpointFolder, PlotFolder]) PendingFile.DeleteLeftIn(folder);
            var stream = new FileStream(LogPath, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
            stream.Seek(0, SeekOrigin.End);
            log = new StreamWriter(stream) { AutoFlush = true };
            Directory.CreateDirectory(CheckpointFolder);
            Directory.CreateDirectory(PlotFolder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log?.Dispose();
            held?.Dispose();
            throw new WclUsageException(resume
                ? $"Cannot write to the run in {path}: {ErrorText.Of(e)}. {(WriteAdvice.IsFull(e) ? "Free some space" : "Make it writable")} to go on."
                : NotWritable(path, e), e);
        }
    }

    /// <summary>Not the log itself, which people read while it grows. The lock goes with the process, however it ends.</summary>
    private static FileStream TakeLock(string path)
    {
        string file = Path.Combine(path, LockName);
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException e) when (File.Exists(file))
        {
            throw new WclUsageException($"Cannot write to the run in {path}: {ErrorText.Of(e)}. Is another process training in it? Wait for its end, or name another folder with --out.", e);
        }
    }

    /// <summary>Refuses a run that a process is training at this moment: what takes its weights several times would have other ones each time, or none.</summary>
    /// <exception cref="WclUsageException">One is.</exception>
    public static void RequireIdle(string folder)
    {
        string file = Path.Combine(folder, LockName);
        if (!File.Exists(file)) return; // of a process that was killed it stays, and nobody holds it
        try
        {
            using var free = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            // It ended just now, or is another user's, which cannot be told.
        }
        catch (IOException e)
        {
            throw new WclUsageException($"The run in {folder} is being trained, and its weights change meanwhile ({ErrorText.Of(e)}); wait for its end, or stop it first.", e);
        }
    }

    /// <summary>Absolute path of the folder.</summary>
    public string FullPath { get; }

    public string ConfigPath => ConfigOf(FullPath);

    public string MetricsPath => Path.Combine(FullPath, Metrics);

    public string SummaryPath => Path.Combine(FullPath, Summary);

    public string LogPath => Path.Combine(FullPath, LogName);

    public string BadImagesPath => Path.Combine(FullPath, BadImages);

    /// <summary>List of unreadable images of <c>--test</c>.</summary>
    public string BadTestImagesPath => Path.Combine(FullPath, BadTestImages);

    public string CheckpointFolder => CheckpointsOf(FullPath);

    /// <summary>Where the checkpoints of the run in a folder lie.</summary>
    public static string CheckpointsOf(string folder) => Path.Combine(folder, Checkpoints);

    public string PlotFolder => PlotsOf(FullPath);

    /// <summary>Where the pictures of the run in a folder lie.</summary>
    public static string PlotsOf(string folder) => Path.Combine(folder, Plots);

    /// <summary>The options of the run in a folder; the file that makes it one.</summary>
    public static string ConfigOf(string folder) => Path.Combine(folder, ResultFolder.ConfigFile);

    /// <summary>The encoder that a finished run leaves in its folder.</summary>
    public static string EncoderOf(string folder) => Path.Combine(folder, ResultNames.Encoder);

    /// <summary>Whether a folder is that of a run that has started.</summary>
    public static bool IsRun(string folder) => File.Exists(ConfigOf(folder));

    /// <summary>The run that a folder is, or that weights lie in the folders of: its encoder, a checkpoint, what was fine-tuned of it. Null where there is none.</summary>
    public static string? Around(string path)
    {
        string? folder = Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path));
        for (int level = 0; level < DeepestWeights && folder is not null; level++, folder = Path.GetDirectoryName(Path.GetFullPath(folder)))
            if (IsRun(folder) && File.Exists(Path.Combine(folder, Metrics))) return folder; // results of other commands have no metrics
        return null;
    }

    private const int DeepestWeights = 4; // RUN/finetune/distilled/encoder.safetensors

    /// <summary>Names of the lists of unreadable images that a run left in its folder.</summary>
    public static IEnumerable<string> BadImageLists(string folder) => ((string[])[BadImages, BadTestImages]).Where(name => File.Exists(Path.Combine(folder, name)));

    /// <summary>Makes the folder of a new run, or opens that of a run to go on with.</summary>
    /// <param name="path">The folder; null is <c>runs/</c> and the time of the start, under the current folder.</param>
    /// <param name="resume">Whether the run is there already.</param>
    /// <param name="startedAt">Local time of the start.</param>
    /// <exception cref="WclUsageException">
    /// A new run's folder has something in it or cannot be made; or there is no run to resume; or another process writes to it.
    /// </exception>
    public static RunFolder Create(string? path, bool resume, DateTime startedAt)
    {
        if (resume)
        {
            if (path is null) throw new WclUsageException("--resume needs the run to go on with: give its folder with --out.");
            if (!IsRun(path))
                throw new WclUsageException($"There is no run to resume in {path} (no config.json); leave out --resume to start one, or name the folder of a run with --out.");
            return new RunFolder(Path.GetFullPath(path), resume);
        }

        if (path is not null && File.Exists(path))
            throw new WclUsageException($"--out {path} is a file; name a new folder.");
        if (path is not null && Directory.Exists(path) && !IsUnused(path))
            throw new WclUsageException($"The folder {path} is not empty{(IsRun(path) ? "; go on with the run in it with --resume, or" : " and holds no run;")} name a new folder with --out.");

        string folder = Path.GetFullPath(path ?? FreeDefault(startedAt));
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException(NotWritable(folder, e), e);
        }

        return new RunFolder(folder, resume);
    }

    /// <summary>Writes the options, so that <c>--config</c> repeats the run, from any folder: its paths are absolute.</summary>
    public void WriteConfig(PretrainOptions resolved) =>
        AtomicFile.Write(ConfigPath, stream => stream.Write(ConfigFile.ToJson(PretrainOptionTable.WithFullPaths(resolved))));

    /// <summary>The options that the run was started with.</summary>
    public PretrainOptions ReadConfig() => ReadConfig(FullPath);

    /// <summary>The options that the run in a folder was started with, <see cref="PretrainOptions.Out"/> set to the folder.</summary>
    /// <exception cref="WclUsageException">There is no run in the folder, or its configuration is damaged.</exception>
    public static PretrainOptions ReadConfig(string folder)
    {
        string config = RequireConfig(folder);
        foreach (var (file, what) in ((string, string)[])[("draws.jsonl", "a fine-tuning"), ("compare.json", "a comparison"), ("checkpoint.safetensors", "a distillation")])
            if (File.Exists(Path.Combine(folder, file))) throw new WclUsageException($"{folder} holds {what} and no run; name the folder that wcl pretrain wrote.");
        return ConfigFile.Read(config, new PretrainOptions()) with { Out = folder };
    }

    /// <summary>The file of options of the run in a folder.</summary>
    /// <exception cref="WclUsageException">There is no run in the folder.</exception>
    public static string RequireConfig(string folder) => IsRun(folder)
        ? ConfigOf(folder)
        : throw new WclUsageException($"There is no run in {folder} (no config.json); name the folder that wcl pretrain wrote.");

    /// <summary>Adds a line to <c>metrics.jsonl</c>.</summary>
    /// <exception cref="WclException">The disk is full, or the file is not writable.</exception>
    public void AppendMetrics(EpochMetrics metrics)
    {
        try
        {
            MetricsOf(FullPath).Append(metrics);
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            throw new WclException($"Could not write {MetricsPath}: {WriteAdvice.Reason(e)}. {(WriteAdvice.IsFull(e) ? "Free some space" : WriteAdvice.IsTooLarge(e) ? WriteAdvice.For(e) : "Make it writable")}.", e);
        }
    }

    /// <summary>The metrics so far. A last line that a crash cut short is left out.</summary>
    /// <exception cref="WclUsageException">A line is damaged.</exception>
    public IReadOnlyList<EpochMetrics> ReadMetrics() => ReadMetrics(FullPath);

    /// <inheritdoc cref="ReadMetrics()"/>
    public static IReadOnlyList<EpochMetrics> ReadMetrics(string folder) => MetricsOf(folder).Read();

    /// <summary>Drops the metrics of epochs after one, which a resumed run goes through again.</summary>
    public void TruncateMetrics(int lastEpoch)
    {
        if (File.Exists(MetricsPath)) MetricsOf(FullPath).Write(ReadMetrics().Where(metrics => metrics.Epoch <= lastEpoch));
    }

    private static JsonLines<EpochMetrics> MetricsOf(string folder) => new(Path.Combine(folder, Metrics), RunJson.Default.EpochMetrics);

    /// <summary>Writes what the run came to.</summary>
    public void WriteSummary(RunSummary summary) =>
        AtomicFile.Write(SummaryPath, stream => stream.Write(JsonText.Page(summary, RunJson.Default.RunSummary)));

    /// <summary>The last figures of the run in a folder; null where there are none.</summary>
    /// <exception cref="WclUsageException">The file is damaged.</exception>
    public static RunSummary? ReadSummary(string folder)
    {
        string path = Path.Combine(folder, Summary);
        return File.Exists(path) ? JsonText.Read(path, RunJson.Default.RunSummary, "measurements are in metrics.jsonl, and a resumed run writes it anew") : null;
    }

    /// <summary>Adds a line with the time to <c>train.log</c>. A full disk does not stop a run here: the checkpoint says so.</summary>
    public void Log(string line)
    {
        lock (gate)
        {
            try
            {
                log.WriteLine($"{DateTime.Now.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)}  {PlainText.Of(line)}");
            }
            catch (Exception e) when (WriteAdvice.IsOfWriting(e))
            {
                // The log is a convenience.
            }
        }
    }

    /// <summary>Lets go of the folder; that of a run that never started (its data was wrong, say) leaves nothing empty behind.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            try
            {
                log.Dispose();
            }
            catch (Exception e) when (WriteAdvice.IsOfWriting(e))
            {
                // What could not be written on a full disk is tried again here.
            }
        }

        held.Dispose();
        if (!IsRun(FullPath)) DeleteWhatIsEmpty();
    }

    /// <summary>Whether a new run can have a folder: it holds nothing, or what a run that never started left.</summary>
    private static bool IsUnused(string folder) => Directory.EnumerateFileSystemEntries(folder).All(entry => Path.GetFileName(entry) switch
    {
        LockName or LogName or BadImages or BadTestImages => File.Exists(entry) && !IsRun(folder),
        _ when Own.Any(own => PendingFile.IsTemporaryOf(entry, own)) => File.Exists(entry) && !IsRun(folder),
        Checkpoints or Plots => Directory.Exists(entry) && !Directory.EnumerateFileSystemEntries(entry).Any(),
        _ => false,
    });

    private void DeleteWhatIsEmpty()
    {
        try
        {
            if (new FileInfo(LogPath) is { Exists: true, Length: 0 }) File.Delete(LogPath);
            foreach (string folder in (string[])[CheckpointFolder, PlotFolder, FullPath])
                if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An empty folder that stays does no harm.
        }
    }

    private static string FreeDefault(DateTime startedAt)
    {
        string name = Path.Combine("runs", startedAt.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture));
        string free = name;
        for (int i = 2; Directory.Exists(free); i++) free = $"{name}-{i}"; // two runs in one second
        return free;
    }

    private static string NotWritable(string folder, Exception e) =>
        $"Cannot make the run folder {folder}: {ErrorText.Of(e)}. Name a folder that you can write to with --out.";
}
