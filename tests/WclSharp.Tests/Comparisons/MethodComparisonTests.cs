using ScottPlot;
using WclSharp.Comparisons;
using WclSharp.Training;

namespace WclSharp.Tests.Comparisons;

public sealed class MethodComparisonTests
{
    private static ComparedRun Run(string method, long seed, double knn, double? seconds, double? peak = null) => new()
    {
        Method = method,
        Seed = seed,
        Folder = $"runs/{method}-seed{seed}",
        Knn = knn,
        SecondsPerEpoch = seconds,
        PeakRssMib = peak,
    };

    [Fact]
    public void Of_Rows_HaveMeansLargestPeakAndOverheadOfSharedSeeds()
    {
        // Seed 2 of simclr is missing: its wcl run must not count for the overhead.
        var rows = MethodComparison.Of(["wcl", "simclr"],
            [Run("wcl", 0, 0.5, 11, 100), Run("simclr", 0, 0.4, 10, 90), Run("wcl", 1, 0.7, 13, 120), Run("simclr", 1, 0.4, 10), Run("wcl", 2, 0.6, 100)], "simclr");

        Assert.Equal(0.6, rows[0].KnnMean!.Value, 12);
        Assert.Equal(4.30265 * 0.1 / Math.Sqrt(3), rows[0].KnnCi95!.Value, 1e-5);
        Assert.Equal(24 / 20.0, rows[0].Overhead!.Value, 12);
        Assert.Equal(1, rows[1].Overhead!.Value, 12);
        Assert.Null(rows[1].KnnCi95); // the same with each seed
        Assert.Equal((120, 90), (rows[0].PeakRssMib, rows[1].PeakRssMib));
        Assert.Equal([0, 1, 2], rows[0].Seeds);
        Assert.Null(rows[0].LinearMean);
    }

    [Fact]
    public void Text_EveryColumn_HasItsOwnFigures()
    {
        ComparedRun Full(string method, long seed, double knn, double linear, double seconds, double precision) => Run(method, seed, knn, seconds, 100 * seconds) with { Linear = linear, PairPrecision = precision, PairRecall = precision / 2, Conflicts = precision / 4 };
        var rows = MethodComparison.Of(["wcl", "simclr"], [Full("wcl", 0, 0.50, 0.60, 3, 0.8), Full("simclr", 0, 0.41, 0.57, 2, 0.4)], "simclr");
        string[][] cells = [.. ComparisonTable.Text(rows).Select(line => System.Text.RegularExpressions.Regex.Split(line.Trim(), "  +"))];
        Assert.Equal(["method", "seeds", "kNN", "kNN - simclr", "linear", "linear - simclr", "s/epoch", "overhead", "peak MiB", "pair precision", "pair recall", "conflicts"], cells[0]);
        Assert.Equal(["wcl", "1", "50.0%", "+9.0", "60.0%", "+3.0", "3.0", "1.50", "300", "80.0%", "40.0%", "20.0%"], cells[1]);
        Assert.Equal(["simclr", "1", "41.0%", "-", "57.0%", "-", "2.0", "1.00", "200", "40.0%", "20.0%", "10.0%"], cells[2]);
    }

    [Fact]
    public void Markdown_ARun_HasItsFiguresBelowTheirNames()
    {
        var run = Run("wcl", 7, 0.5, 3, 300) with { Linear = 0.6, Epochs = 5, Seconds = 15, PairPrecision = 0.8, PairRecall = 0.4, Conflicts = 0.2, CropPrecision = 0.7, CropConflicts = 0.1 };
        string page = ComparisonTable.Markdown(new() { Methods = MethodComparison.Of(["wcl"], [run], "simclr"), Diverged = [], Settings = [], DifferingSettings = [], LinearProtocol = "as it is" });
        Assert.Contains(
            """
            | run | seed | kNN | linear | epochs | seconds | s/epoch | peak MiB | pair precision | pair recall | conflicts | crop precision | crop conflicts |
            | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
            | runs/wcl-seed7 | 7 | 0.5000 | 0.6000 | 5 | 15.0 | 3.00 | 300 | 0.8000 | 0.4000 | 0.2000 | 0.7000 | 0.1000 |
            """.ReplaceLineEndings("\n"), page, StringComparison.Ordinal);
    }

    [Fact]
    public void Unequal_RunsOfOtherThreadsOrLoops_AreNamed()
    {
        ComparedRun Computed(string method, int? threads, bool? avx512) => Run(method, 0, 0.5, 1) with { Threads = threads, Avx512 = avx512 };
        Assert.Null(ComparisonTable.Unequal([Computed("wcl", 4, true), Computed("simclr", 4, true), Computed("old", null, null)]));
        Assert.StartsWith("The runs were computed with 4 threads and AVX-512 (runs/wcl-seed0, runs/supcon-seed0); 1 thread and AVX-512 (runs/simclr-seed0): sums are rounded differently",
            ComparisonTable.Unequal([Computed("wcl", 4, true), Computed("simclr", 1, true), Computed("supcon", 4, true)]), StringComparison.Ordinal);
        Assert.Contains("4 threads (runs/simclr-seed0)", ComparisonTable.Unequal([Computed("wcl", 4, true), Computed("simclr", 4, false)]), StringComparison.Ordinal);

        // A GPU has no threads; one is as another of its kind.
        ComparedRun On(string method, string device, string precision) => Run(method, 0, 0.5, 1) with { Device = device, Precision = precision };
        Assert.Null(ComparisonTable.Unequal([On("wcl", "H100 (cuda:0)", "bf16"), On("simclr", "H100 (cuda:1)", "bf16")]));
        Assert.StartsWith("The runs were computed with H100, bf16 (runs/wcl-seed0); EPYC, bf16, 4 threads (runs/simclr-seed0): ",
            ComparisonTable.Unequal([On("wcl", "H100 (cuda:0)", "bf16"), On("simclr", "EPYC", "bf16") with { Threads = 4 }]), StringComparison.Ordinal);
        Assert.Contains("EPYC, fp32 (runs/wcl-seed0); EPYC, bf16 (runs/simclr-seed0)", ComparisonTable.Unequal([On("wcl", "EPYC", "fp32"), On("simclr", "EPYC", "bf16")]), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_RunsThatWereNotComputedAlike_HaveNoOverhead()
    {
        ComparedRun On(string method, long seed, double seconds, string? device) => Run(method, seed, 0.5, seconds) with { Device = device };
        ComparedRun[] runs = [On("wcl", 0, 1, "H100 (cuda:0)"), On("simclr", 0, 10, "EPYC")];
        Assert.Null(MethodComparison.Of(["wcl", "simclr"], runs, "simclr")[0].Overhead);
        // Another seed's pair is of one device; of those of a third nothing is known, as in older runs.
        Assert.Equal(1.5, MethodComparison.Of(["wcl", "simclr"], [.. runs, On("wcl", 1, 12, "EPYC"), On("simclr", 1, 10, "EPYC"), On("wcl", 2, 18, null), On("simclr", 2, 10, "EPYC")], "simclr")[0].Overhead!.Value, 12);
    }

    [Fact]
    public void Text_OfRunsOnAGpu_CallsThePeakTheHosts()
    {
        string Header(string kind) => ComparisonTable.Text(MethodComparison.Of(["wcl"], [Run("wcl", 0, 0.5, 1, 100) with { DeviceKind = kind }], "simclr"))[0];
        Assert.Contains("host peak MiB", Header("cuda"), StringComparison.Ordinal);
        Assert.Contains("  peak MiB", Header("cpu"), StringComparison.Ordinal);
    }

    [Fact]
    public void Text_HasColumnsOfLocalCropsWhereSomeAreCutFromOtherImages()
    {
        var rows = MethodComparison.Of(["wcl+knn", "wcl"],
            [Run("wcl+knn", 0, 0.5, 1) with { CropPrecision = 0.4, CropConflicts = 0.5 }, Run("wcl+knn", 1, 0.5, 1) with { CropPrecision = 0.5, CropConflicts = 0.55 }, Run("wcl", 0, 0.5, 1)], "simclr");
        Assert.Equal((0.45, null, null), (rows[0].CropPrecision!.Value, rows[1].CropPrecision, rows[1].CropConflicts));
        Assert.Equal(0.525, rows[0].CropConflicts!.Value, 12);
        var table = ComparisonTable.Text(rows);
        Assert.EndsWith("crop precision  crop conflicts", table[0], StringComparison.Ordinal);
        Assert.Matches(@" 45\.0% +52\.5%$", table[1]);
        Assert.Matches(@" - +-$", table[2]);
        Assert.DoesNotContain("crop", ComparisonTable.Text([rows[1]])[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Of_WithoutSimClr_HasNoOverhead_AndAMethodWithoutRunsHasARowOfNulls()
    {
        var rows = MethodComparison.Of(["wcl", "other"], [Run("wcl", 0, 0.5, 11)], "simclr");

        Assert.Null(rows[0].Overhead);
        Assert.Null(rows[0].KnnCi95);
        Assert.Equal((null, null, 0), (rows[1].KnnMean, rows[1].SecondsPerEpoch, rows[1].Seeds.Count));
    }

    [Fact]
    public void Of_Differences_AreTakenSeedBySeed()
    {
        // Seeds differ by 10 points, methods by 2: the methods' own intervals overlap, that of the difference excludes 0.
        var rows = MethodComparison.Of(["wcl", "simclr", "wcl+knn"],
            [.. new[] { 0.50, 0.60, 0.70 }.SelectMany((knn, seed) => new[] { Run("wcl", seed, knn + 0.02 + 0.001 * seed, 1), Run("simclr", seed, knn, 1) }), Run("simclr", 3, 0.1, 1), Run("wcl+knn", 1, 0.5, 1)], "simclr");

        Assert.All(rows, row => Assert.Equal("simclr", row.Baseline));
        Assert.Equal(0.021, rows[0].KnnDifference!.Value, 12);
        Assert.Equal(4.30265 * 0.001 / Math.Sqrt(3), rows[0].KnnDifferenceCi95!.Value, 1e-7);
        Assert.True(rows[0].KnnCi95 > 0.1);
        Assert.Equal((null, null, null), (rows[0].LinearDifference, rows[1].KnnDifference, rows[1].KnnDifferenceCi95));
        Assert.Equal(-0.1, rows[2].KnnDifference!.Value, 12); // of the one common seed
        Assert.Null(rows[2].KnnDifferenceCi95);

        var table = ComparisonTable.Text(rows);
        Assert.Contains("kNN - simclr", table[0], StringComparison.Ordinal);
        Assert.DoesNotContain("linear - simclr", table[0], StringComparison.Ordinal); // not measured
        Assert.Contains("+2.10 ± 0.25", table[1], StringComparison.Ordinal);
        Assert.Matches(@"^wcl\+knn +1 +50\.0% +-10\.0 ", table[3]);
        Assert.Contains("differs from simclr where the interval of its difference excludes 0", ComparisonTable.Reading(rows), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_WithoutSimClr_TakesDifferencesFromTheFirst_AndOneSeedHasNoInterval()
    {
        var rows = MethodComparison.Of(["supcon", "wcl"], [Run("supcon", 0, 0.6, 1), Run("wcl", 0, 0.5, 1)], "simclr");
        Assert.Equal(("supcon", null), (rows[1].Baseline, rows[1].KnnDifferenceCi95));
        Assert.Equal(-0.1, rows[1].KnnDifference!.Value, 12);
        Assert.Contains("Of one common seed, or the same with each, they have no interval", ComparisonTable.Reading(rows), StringComparison.Ordinal);
        Assert.Null(ComparisonTable.Reading([rows[0]]));
    }

    [Fact]
    public void Of_DifferencesThatAreTheSameWithEachSeed_HaveNoInterval_AndTellNothingApart()
    {
        var rows = MethodComparison.Of(["wcl", "supcon", "simclr"],
            [Run("simclr", 0, 0.53, 1), Run("simclr", 1, 0.59, 1), Run("wcl", 0, 0.51, 1), Run("wcl", 1, 0.57, 1), Run("supcon", 0, 0.6, 1), Run("supcon", 1, 0.65, 1)], "simclr");
        Assert.Equal(-0.02, rows[0].KnnDifference!.Value, 12);
        Assert.Equal((null, true), (rows[0].KnnDifferenceCi95, rows[1].KnnDifferenceCi95 is not null));
        Assert.Matches(@" -2\.0 +-", ComparisonTable.Text(rows)[1]);
        Assert.EndsWith("tells no methods apart.", ComparisonTable.Reading(rows), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_ABaselineWithoutARun_TakesTheFirstThatHasOne()
    {
        var rows = MethodComparison.Of(["simclr", "supcon", "wcl"], [Run("supcon", 0, 0.6, 1), Run("wcl", 0, 0.5, 1)], "simclr");
        Assert.All(rows, row => Assert.Equal("supcon", row.Baseline));
        Assert.Equal(-0.1, rows[2].KnnDifference!.Value, 12);
        Assert.Contains("kNN - supcon", ComparisonTable.Text(rows)[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "seconds", 1), InlineData(180, "seconds", 1), InlineData(181, "minutes", 60), InlineData(10_800, "minutes", 60), InlineData(10_801, "hours", 3600)]
    public void PlotTimes_AreInAUnitThatSuitsTheLongest(double longest, string name, double seconds) => Assert.Equal((name, seconds), AccuracyPlot.UnitOf(longest));

    [Fact]
    public void PlotMeans_AreTakenWhereEverySeedWasMeasured()
    {
        EpochMetrics[] Seed(double knn, double secondsAnEpoch, int epochs) =>
            [.. Enumerable.Range(0, epochs + 1).Select(e => new EpochMetrics { Epoch = e, Knn = knn + 0.1 * e, Seconds = e == 0 ? null : e * secondsAnEpoch })];

        var means = AccuracyPlot.Means(new MethodCurve("wcl", [Seed(0.2, 10, 2), Seed(0.4, 20, 1)]), metrics => metrics.Seconds ?? 0);
        Assert.Equal([new Coordinates(0, 30), new Coordinates(15, 40)], means.Select(point => new Coordinates(point.X, Math.Round(point.Y, 9))));
    }
}
