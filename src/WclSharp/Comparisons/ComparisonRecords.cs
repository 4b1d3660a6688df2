using WclSharp.Files;
using WclSharp.Reporting;

namespace WclSharp.Comparisons;

/// <summary>What the runs of a comparison have come to: <c>compared.json</c> in the folder of each that is finished, <c>diverged.json</c> of each that diverged.</summary>
internal sealed class ComparisonRecords
{
    private const string Compared = "compared.json", HasDiverged = "diverged.json", Advice = "delete it, and run the same command again";
    private readonly string folder;
    private readonly List<ComparedRun> finished = [];
    private readonly List<DivergedRun> diverged = [];

    /// <summary>Reads those that are there, whoever asked for them.</summary>
    /// <param name="folder">The comparison's.</param>
    /// <exception cref="WclUsageException">One is damaged, or its images are not those of the others of its seed.</exception>
    public ComparisonRecords(string folder)
    {
        this.folder = folder;
        foreach (string run in Directory.GetDirectories(Path.Combine(folder, "runs")).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(run); // that of a copy is not its run's
            switch (StateOf(run))
            {
                case RunState.Measured when JsonText.Read(Path.Combine(run, Compared), ComparisonJson.Default.ComparedRun, Advice) is var record && name == NameOf(record.Method, record.Seed):
                    RequireSameImages(record);
                    finished.Add(record);
                    break;
                case RunState.Diverged when JsonText.Read(Path.Combine(run, HasDiverged), ComparisonJson.Default.DivergedRun, Advice) is var record && name == NameOf(record.Method, record.Seed):
                    diverged.Add(record);
                    break;
            }
        }
    }

    public IReadOnlyList<ComparedRun> Finished => finished;

    public IReadOnlyList<DivergedRun> Diverged => diverged;

    /// <summary>Method and seed of all of them.</summary>
    public IEnumerable<(string Method, long Seed)> Runs => finished.Select(run => (run.Method, run.Seed)).Concat(diverged.Select(run => (run.Method, run.Seed)));

    /// <summary>Name of a run's folder.</summary>
    public static string NameOf(string method, long seed) => $"{method}-seed{seed}";

    /// <summary>How far a run is, by what its folder holds.</summary>
    public static RunState StateOf(string run)
    {
        if (!RunFolder.IsRun(run)) return RunState.New;
        if (File.Exists(Path.Combine(run, HasDiverged))) return RunState.Diverged;
        if (!File.Exists(RunFolder.EncoderOf(run)) || RunFolder.ReadSummary(run) is not { Status: RunSummary.Finished }) return RunState.Stopped;
        return File.Exists(Path.Combine(run, Compared)) ? RunState.Measured : RunState.Trained;
    }

    /// <summary>Drops the record of a run that is trained anew, of an encoder that is gone.</summary>
    public static void Forget(string run)
    {
        string old = Path.Combine(run, Compared);
        if (File.Exists(old)) File.Delete(old);
    }

    /// <summary>Writes what a run came to into its folder.</summary>
    /// <exception cref="WclUsageException">Its images are not those of the others of its seed.</exception>
    public void Add(ComparedRun run)
    {
        RequireSameImages(run); // before there is a record of what cannot be compared
        AtomicFile.Write(Path.Combine(folder, run.Folder, Compared), stream => stream.Write(JsonText.Page(run, ComparisonJson.Default.ComparedRun)));
        finished.Add(run);
    }

    /// <summary>Writes into its folder that a run has diverged.</summary>
    public void Add(DivergedRun run)
    {
        AtomicFile.Write(Path.Combine(folder, run.Folder, HasDiverged), stream => stream.Write(JsonText.Page(run, ComparisonJson.Default.DivergedRun)));
        diverged.Add(run);
    }

    /// <summary>Refuses a run whose images are not those of the others of its seed.</summary>
    private void RequireSameImages(ComparedRun run)
    {
        // Each of them: those of an older version may not say which images they were tested with.
        foreach (var other in finished.Where(other => other.Seed == run.Seed))
        {
            bool sameTests = other.TestFingerprint is null || run.TestFingerprint is null || other.TestFingerprint == run.TestFingerprint;
            if (sameTests && other.DatasetFingerprint == run.DatasetFingerprint) continue;
            throw new WclUsageException($"The images of {run.Folder} are not those of {other.Folder}, so the two cannot be compared: the data changed between them. Put it back and delete {run.Folder}, or start anew with another --out.");
        }
    }
}
