using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using WclSharp.Native;
using WclSharp.Reporting;

namespace WclSharp.Comparisons;

/// <summary>The rows of a comparison for people: on a screen, and as Markdown with everything that is needed to read them.</summary>
internal static class ComparisonTable
{
    /// <summary>Columns of a table of these rows; those of differences only where there is something to differ from, those of local crops only where some are cut from other images.</summary>
    private static (string Title, Func<MethodComparison, string> Cell)[] ColumnsOf(IReadOnlyList<MethodComparison> rows) =>
    [
        ("method", row => row.Method),
        ("seeds", row => row.Seeds.Count.ToString(CultureInfo.InvariantCulture)),
        ("kNN", row => EpochTable.Percent(row.KnnMean, row.KnnCi95)),
        .. rows.Any(row => row.KnnDifference is not null)
            ? [($"kNN - {rows[0].Baseline}", row => EpochTable.Points(row.KnnDifference, row.KnnDifferenceCi95))]
            : Array.Empty<(string, Func<MethodComparison, string>)>(),
        ("linear", row => EpochTable.Percent(row.LinearMean, row.LinearCi95)),
        .. rows.Any(row => row.LinearDifference is not null)
            ? [($"linear - {rows[0].Baseline}", row => EpochTable.Points(row.LinearDifference, row.LinearDifferenceCi95))]
            : Array.Empty<(string, Func<MethodComparison, string>)>(),
        ("s/epoch", row => Number(row.SecondsPerEpoch, "0.0")),
        ("overhead", row => Number(row.Overhead, "0.00")),
        (PeakTitle(rows.SelectMany(row => row.Runs)), row => Number(row.PeakRssMib, "0")),
        ("pair precision", row => EpochTable.Percent(row.PairPrecision)),
        ("pair recall", row => EpochTable.Percent(row.PairRecall)),
        ("conflicts", row => EpochTable.Percent(row.Conflicts)),
        .. HasCropRelations(rows.SelectMany(row => row.Runs))
            ? [("crop precision", row => EpochTable.Percent(row.CropPrecision)), ("crop conflicts", row => EpochTable.Percent(row.CropConflicts))]
            : Array.Empty<(string, Func<MethodComparison, string>)>(),
    ];

    /// <summary>A process's memory, of which a GPU's is no part.</summary>
    private static string PeakTitle(IEnumerable<ComparedRun> runs) => runs.Any(IsOnGpu) ? "host peak MiB" : "peak MiB";

    private static bool HasCropRelations(IEnumerable<ComparedRun> runs) => runs.Any(run => run.CropPrecision is not null || run.CropConflicts is not null);

    private static bool IsOnGpu(ComparedRun run) => run.DeviceKind == ComputeDevice.Cuda;

    /// <summary>Columns of fixed width, the method to the left; a dash is what was not measured.</summary>
    public static IReadOnlyList<string> Text(IReadOnlyList<MethodComparison> rows) => TextTable.Lines(ColumnsOf(rows), rows, namesFirst: true);

    /// <summary>What the differences say, in a sentence; null where there are none.</summary>
    public static string? Reading(IReadOnlyList<MethodComparison> rows)
    {
        if (!rows.Any(row => row.KnnDifference is not null || row.LinearDifference is not null)) return null;
        string baseline = rows[0].Baseline!;
        bool Bare(double? difference, double? halfWidth) => difference is not null && halfWidth is null;
        return rows.Any(row => row.KnnDifferenceCi95 is not null || row.LinearDifferenceCi95 is not null)
            ? $"Differences from {baseline} are in points, seed by seed. A method differs from {baseline} where the interval of its difference excludes 0, as far as seeds go, also where the two methods' own intervals overlap; what other test images would say is in no interval."
                + (rows.Any(row => Bare(row.KnnDifference, row.KnnDifferenceCi95) || Bare(row.LinearDifference, row.LinearDifferenceCi95)) ? " One without an interval is of one common seed, or the same with each, which tells no methods apart." : "")
            : $"Differences from {baseline} are in points. Of one common seed, or the same with each, they have no interval and tell no methods apart.";
    }

    /// <summary>What to know of runs that were not computed alike; null where all were, as far as is known.</summary>
    public static string? Unequal(IReadOnlyList<ComparedRun> runs)
    {
        var ways = runs.Where(run => run.Computation.Length > 0).GroupBy(run => run.Computation).ToArray();
        if (ways.Length < 2) return null;
        return $"The runs were computed with {string.Join("; ", ways.Select(way => $"{way.Key} ({string.Join(", ", way.Select(run => run.Folder))})"))}: "
            + "sums are rounded differently, so that what these differ by is also the luck of another seed, and their times cannot be compared.";
    }

    /// <summary>What to know of runs that diverged; null where none did.</summary>
    public static string? Diverged(IReadOnlyList<DivergedRun> runs) => runs.Count == 0 ? null
        : string.Join(" ", runs.Select(run => string.Create(CultureInfo.InvariantCulture, $"{run.Method} with seed {run.Seed}: {run.Message.TrimEnd('.')}.")))
            + $" {(runs.Count == 1 ? "It is in no mean, and no difference has its seed" : "They are in no mean, and no difference has their seeds")}: a method that diverges looks better than it is. "
            + $"Other options need a comparison of their own (another --out); deleting {string.Join(", ", runs.Select(run => run.Folder))} has --resume train anew.";

    /// <summary>A page: the table, how to read it, the runs, the settings.</summary>
    public static string Markdown(ComparisonReport report)
    {
        var page = new StringBuilder();
        void Line(string text = "") => page.Append(text).Append('\n');
        void Row(IEnumerable<string> cells) => Line($"| {string.Join(" | ", cells.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal)))} |");
        void Header(params string[] titles)
        {
            Row(titles);
            Row(titles.Select((_, i) => i == 0 ? "---" : "---:"));
        }

        Line("# Comparison");
        Line();
        var columns = ColumnsOf(report.Methods);
        Header([.. columns.Select(column => column.Title)]);
        foreach (var row in report.Methods) Row(columns.Select(column => column.Cell(row)));
        Line();
        if (Diverged(report.Diverged) is { } diverged)
        {
            Line($"**Diverged**: {diverged}");
            Line();
        }

        if (report.RunsFinished + report.Diverged.Count < report.RunsPlanned)
        {
            Line(string.Create(CultureInfo.InvariantCulture, $"**Not complete**: {report.RunsFinished} of {report.RunsPlanned} runs are finished. `wcl compare --resume --out` with this folder goes on."));
            Line();
        }

        var runs = report.Methods.SelectMany(row => row.Runs).ToArray();
        bool crops = HasCropRelations(runs);
        Line("kNN and linear are top-1 accuracies of the last epoch's encoder on held-out images, mean over seeds ± the " + report.Interval + ". "
            + "s/epoch is training alone, evaluation left out, mean over seeds. Overhead: " + report.OverheadOver + ". Peak MiB is the largest resident memory of a run's process" + (runs.Any(IsOnGpu) ? ", without the GPU's" : "") + ". "
            + "Pair precision, pair recall and conflicts are over all pairs of the last epoch's steps, means over seeds. "
            + (crops ? "Crop precision and crop conflicts are those of the images that local crops are cut from: the share of these crops whose image has the class of the one that they count for, and the share of the pairs of an image and one of its nearest whose first is not among the nearest of the second. " : "")
            + "A dash is what was not measured.");
        Line();
        if (Reading(report.Methods) is { } reading)
        {
            Line(reading);
            Line();
        }

        if (Unequal(runs) is { } unequal)
        {
            Line($"**Not computed alike**: {unequal}");
            Line();
        }

        Line("Linear probe: " + report.LinearProtocol + ".");
        Line();
        Line("## Runs");
        Line();
        Header(["run", "seed", "kNN", "linear", "epochs", "seconds", "s/epoch", PeakTitle(runs), "pair precision", "pair recall", "conflicts", .. crops ? ["crop precision", "crop conflicts"] : Array.Empty<string>()]);
        foreach (var run in runs)
        {
            Row([run.Folder, run.Seed.ToString(CultureInfo.InvariantCulture), Share(run.Knn), Share(run.Linear), run.Epochs.ToString(CultureInfo.InvariantCulture),
                Number(run.Seconds, "0.0"), Number(run.SecondsPerEpoch, "0.00"), Number(run.PeakRssMib, "0"), Share(run.PairPrecision), Share(run.PairRecall), Share(run.Conflicts),
                .. crops ? [Share(run.CropPrecision), Share(run.CropConflicts)] : Array.Empty<string>()]);
        }

        Line();
        Line("## Settings");
        Line();
        Line("The same for every run where nothing else is said; - is where a method has no use for an option. `wcl pretrain` has options of these names.");
        Line();
        Row(["option", "value"]);
        Row(["---", "---"]);
        foreach (var (key, value) in report.Settings) Row([$"`{key}`", value?.ToString() ?? ""]);
        foreach (var (key, values) in report.DifferingSettings) Row([$"`{key}`, not the same", ByValue(values!.AsObject())]);
        if (runs is [var first, ..])
        {
            Row(["training images, test images", string.Create(CultureInfo.InvariantCulture, $"{first.TrainImages}, {first.TestImages}")]);
            Row(["neighbours of kNN", first.KnnK?.ToString(CultureInfo.InvariantCulture) ?? "-"]);
            Row(["device", string.Join("; ", runs.Select(run => run.Computation).Distinct())]);
            Row(["made with", string.Join("; ", runs.Select(run => run.Versions).Distinct()
                .Select(versions => versions is null ? "-" : $"WclSharp {versions.WclSharp}, TorchSharp {versions.TorchSharp}, libtorch {versions.Libtorch}, .NET {versions.Dotnet}, {versions.Os}"))]);
        }

        return page.ToString();
    }

    /// <summary>Who has which value: <c>none (wcl, simclr); knn (wcl+knn)</c>.</summary>
    private static string ByValue(JsonObject values) =>
        string.Join("; ", values.GroupBy(pair => pair.Value?.ToString() ?? "-").Select(group => $"{group.Key} ({string.Join(", ", group.Select(pair => pair.Key))})"));

    private static string Share(double? value) => Number(value, "0.0000");

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";
}
