using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using WclSharp.Configuration;
using WclSharp.Evaluation;
using WclSharp.Files;
using WclSharp.Reporting;

namespace WclSharp.Comparisons;

/// <summary>
/// The folder of a comparison: <c>config.json</c>, <c>runs/METHOD-seedS/</c>, and what is made of these: <c>compare.json</c>,
/// <c>compare.md</c>, <c>plots/</c>. One process at a time works in it.
/// </summary>
internal sealed class ComparisonFolder : IDisposable
{
    private const string Config = ResultFolder.ConfigFile;
    private readonly ResultFolder folder;

    private ComparisonFolder(ResultFolder folder, ComparisonOptions options) => (this.folder, Options) = (folder, options);

    /// <summary>What is asked for, with the methods and seeds that the comparison had before.</summary>
    public ComparisonOptions Options { get; }

    /// <summary>Absolute path.</summary>
    public string FullPath => folder.FullPath;

    /// <summary>Makes the folder of a new comparison, or opens that of one to go on with.</summary>
    /// <exception cref="WclUsageException">It holds something else, or a comparison with other options, or cannot be written to.</exception>
    public static ComparisonFolder Open(ComparisonOptions options, DateTime startedAt)
    {
        string path = options.Out ?? Path.Combine("runs", "compare-" + startedAt.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture));
        path = Path.GetFullPath(path);
        var started = ResultFolder.HasResults(path) ? ReadConfig(path) : null; // one without a result may be begun anew
        if (started is not null) options = ComparisonConfig.Added(started, options);
        options = EqualViews.Of(options, started);
        var folder = ResultFolder.Open(path, ComparisonConfig.ToJson(options), "comparison", there => ComparisonConfig.RequireSame(started!, options, Path.GetDirectoryName(there)!), IsOfComparison);
        try
        {
            foreach (string part in (string[])["runs", "plots"]) OutputFolder.Make(folder[part]);
            return new ComparisonFolder(folder, options);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a comparison in a folder.</summary>
    public static bool IsComparison(string folder) => File.Exists(Path.Combine(folder, Config));

    /// <summary>The options that the comparison in a folder was started with.</summary>
    /// <exception cref="WclUsageException">There is none.</exception>
    public static ComparisonOptions ReadConfig(string folder)
    {
        string path = Path.Combine(folder, Config);
        if (!IsComparison(folder)) throw new WclUsageException($"There is no comparison in {folder} (no {Config}); leave out --resume to start one, or name its folder with --out.");
        return ComparisonConfig.Read(path, new ComparisonOptions { Methods = [] }) with { Out = folder };
    }

    private static bool IsOfComparison(string config)
    {
        try
        {
            return ComparisonConfig.Read(config, new ComparisonOptions { Methods = [] }).Methods.Count > 0;
        }
        catch (WclUsageException)
        {
            return false;
        }
    }

    /// <summary>Writes tables and plots of the runs that are over.</summary>
    public ComparisonResult Write(IReadOnlyList<string> methods, ComparisonRecords records, int planned)
    {
        ComparedRun[] runs = [.. records.Finished.OrderBy(run => run.Seed).ThenBy(run => methods.ToList().IndexOf(run.Method))]; // whatever the order they came in
        var rows = MethodComparison.Of(methods, runs, MethodNames.Of(Training.ContrastiveMethod.SimClr));
        var settings = ComparisonSettings.Of([.. runs.Select(run => (run.Method, Path.GetFileName(run.Folder), OptionsOf(run)))]);
        var report = new ComparisonReport
        {
            Methods = rows,
            RunsFinished = runs.Length,
            RunsPlanned = planned,
            Diverged = [.. records.Diverged.OrderBy(run => run.Seed).ThenBy(run => methods.ToList().IndexOf(run.Method))],
            Settings = settings.Common,
            DifferingSettings = settings.Differing,
            LinearProtocol = LinearProbe.Protocol(Comparison.LinearProtocol),
        };
        List<string> files = [Path.Combine(FullPath, "compare.json"), Path.Combine(FullPath, "compare.md")];
        AtomicFile.Write(files[0], stream => stream.Write(JsonText.Page(report, ComparisonJson.Default.ComparisonReport)));
        AtomicFile.WriteText(files[1], ComparisonTable.Markdown(report));

        var curves = runs.GroupBy(run => run.Method).Select(group => new MethodCurve(group.Key,
            [.. group.Select(run => RunFolder.ReadMetrics(Path.Combine(FullPath, run.Folder)))])).OrderBy(curve => methods.ToList().IndexOf(curve.Method)).ToArray();
        foreach (var (file, overTime) in ((string, bool)[])[("accuracy_over_epochs.png", false), ("accuracy_over_time.png", true)])
        {
            string plot = Path.Combine(FullPath, "plots", file);
            if (AccuracyPlot.Write(plot, curves, overTime)) files.Add(plot);
        }

        return new ComparisonResult { Folder = FullPath, Methods = rows, Files = files, Diverged = report.Diverged };
    }

    /// <summary>The options of a run as they were resolved, without those that its method has no use for.</summary>
    private JsonObject OptionsOf(ComparedRun run)
    {
        var options = RunFolder.ReadConfig(Path.Combine(FullPath, run.Folder));
        var json = JsonNode.Parse(Encoding.UTF8.GetString(ConfigFile.ToJson(options)))!.AsObject();
        foreach (string name in MethodDefaults.Ignored(options)) json.Remove(PretrainOptionTable.Find(name)!.Key);
        return json;
    }

    public void Dispose() => folder.Dispose();
}
