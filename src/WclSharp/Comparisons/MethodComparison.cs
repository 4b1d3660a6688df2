using WclSharp.Evaluation;

namespace WclSharp.Comparisons;

/// <summary>A method's row of the table: an entry of <c>methods</c> in <c>compare.json</c>. Null is what was not measured.</summary>
public sealed record MethodComparison
{
    /// <summary>Method, as on the command line.</summary>
    public required string Method { get; init; }

    /// <summary>Mean kNN accuracy over the seeds, 0 to 1.</summary>
    public double? KnnMean { get; init; }

    /// <summary>Half-width of its 95 % confidence interval; null with one seed, or where all have the same figure.</summary>
    public double? KnnCi95 { get; init; }

    /// <summary>Mean accuracy of the linear probe over the seeds, 0 to 1.</summary>
    public double? LinearMean { get; init; }

    /// <summary>Half-width of its 95 % confidence interval; null with one seed, or where all have the same figure.</summary>
    public double? LinearCi95 { get; init; }

    /// <summary>Method that the differences are over: simclr where it is compared, else the first; of those that have a finished run.</summary>
    public string? Baseline { get; init; }

    /// <summary>kNN accuracy less the baseline's of the same seed, mean over the seeds that both have, -1 to 1; null for the baseline itself.</summary>
    public double? KnnDifference { get; init; }

    /// <summary>Half-width of the 95 % confidence interval of these differences; null with one common seed, or where all are the same, which tells nothing of their spread. The method differs from the baseline where the interval excludes 0.</summary>
    public double? KnnDifferenceCi95 { get; init; }

    /// <summary>The same of the linear probe's accuracy.</summary>
    public double? LinearDifference { get; init; }

    /// <summary>Half-width of its 95 % confidence interval, null likewise.</summary>
    public double? LinearDifferenceCi95 { get; init; }

    /// <summary>Mean seconds of training an epoch, evaluation left out.</summary>
    public double? SecondsPerEpoch { get; init; }

    /// <summary>Seconds per epoch over SimCLR's, by the seeds that both have, computed alike; null without SimCLR.</summary>
    public double? Overhead { get; init; }

    /// <summary>Largest peak of resident memory of the runs, MiB.</summary>
    public double? PeakRssMib { get; init; }

    /// <summary>Mean pair precision of the last epoch, 0 to 1.</summary>
    public double? PairPrecision { get; init; }

    /// <summary>Mean pair recall of the last epoch, 0 to 1.</summary>
    public double? PairRecall { get; init; }

    /// <summary>Mean share of relations that are not returned, last epoch, 0 to 1.</summary>
    public double? Conflicts { get; init; }

    /// <summary>Mean share of the local crops cut from other images whose image is of the class of the one that they count for, last epoch, 0 to 1.</summary>
    public double? CropPrecision { get; init; }

    /// <summary>Mean share of the pairs (i, j), j among the K nearest images that i's local crops are cut from, whose i is not among j's, last epoch, 0 to 1.</summary>
    public double? CropConflicts { get; init; }

    /// <summary>Seeds that the row is made of: the runs that are finished.</summary>
    public required IReadOnlyList<long> Seeds { get; init; }

    /// <summary>The runs themselves.</summary>
    public required IReadOnlyList<ComparedRun> Runs { get; init; }

    /// <summary>The rows of a table.</summary>
    /// <param name="methods">Methods in the order of the rows.</param>
    /// <param name="runs">The runs that are finished.</param>
    /// <param name="overheadOver">Method that overhead is measured over; it is the baseline of the differences, too, where it is one of the methods and has a finished run.</param>
    internal static IReadOnlyList<MethodComparison> Of(IReadOnlyList<string> methods, IReadOnlyList<ComparedRun> runs, string overheadOver)
    {
        var timedOver = runs.Where(run => run.Method == overheadOver && run.SecondsPerEpoch is not null).ToDictionary(run => run.Seed);
        string baseline = methods.OrderByDescending(method => method == overheadOver).FirstOrDefault(method => runs.Any(run => run.Method == method)) ?? methods[0]; // all of a method's runs may have diverged
        var baselineRuns = runs.Where(run => run.Method == baseline).ToDictionary(run => run.Seed);
        return [.. methods.Select(method => Row(method, [.. runs.Where(run => run.Method == method).OrderBy(run => run.Seed)], timedOver, baseline, baselineRuns))];
    }

    private static MethodComparison Row(string method, ComparedRun[] runs, Dictionary<long, ComparedRun> timedOver, string baseline, Dictionary<long, ComparedRun> baselineRuns)
    {
        // All runs of a seed have the same images, initial encoder and views, so their luck is shared: a difference seed by seed is free of it.
        StudentInterval? Difference(Func<ComparedRun, double?> figure) => method == baseline
            ? null
            : StudentInterval.Of(runs.Where(run => baselineRuns.ContainsKey(run.Seed)).Select(run => figure(run) - figure(baselineRuns[run.Seed])));
        var (knnDifference, linearDifference) = (Difference(run => run.Knn), Difference(run => run.Linear));
        double? Mean(Func<ComparedRun, double?> figure) => StudentInterval.Of(runs.Select(figure))?.Mean;
        var knn = StudentInterval.Of(runs.Select(run => run.Knn));
        var linear = StudentInterval.Of(runs.Select(run => run.Linear));
        var paired = runs.Where(run => run.SecondsPerEpoch is not null && timedOver.TryGetValue(run.Seed, out var over) && run.IsComputedAs(over)).ToArray();
        return new MethodComparison
        {
            Method = method,
            KnnMean = knn?.Mean,
            KnnCi95 = knn?.HalfWidth,
            LinearMean = linear?.Mean,
            LinearCi95 = linear?.HalfWidth,
            Baseline = baseline,
            KnnDifference = knnDifference?.Mean,
            KnnDifferenceCi95 = knnDifference?.HalfWidth,
            LinearDifference = linearDifference?.Mean,
            LinearDifferenceCi95 = linearDifference?.HalfWidth,
            SecondsPerEpoch = Mean(run => run.SecondsPerEpoch),
            Overhead = paired.Length == 0 ? null : paired.Sum(run => run.SecondsPerEpoch!.Value) / paired.Sum(run => timedOver[run.Seed].SecondsPerEpoch!.Value),
            PeakRssMib = runs.Max(run => run.PeakRssMib),
            PairPrecision = Mean(run => run.PairPrecision),
            PairRecall = Mean(run => run.PairRecall),
            Conflicts = Mean(run => run.Conflicts),
            CropPrecision = Mean(run => run.CropPrecision),
            CropConflicts = Mean(run => run.CropConflicts),
            Seeds = [.. runs.Select(run => run.Seed)],
            Runs = runs,
        };
    }
}
