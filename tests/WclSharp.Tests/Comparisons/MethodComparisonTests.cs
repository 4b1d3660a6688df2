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
        Assert.Equal(0, rows[1].KnnCi95!.Value, 12);
        Assert.Equal((120, 90), (rows[0].PeakRssMib, rows[1].PeakRssMib));
        Assert.Equal([0, 1, 2], rows[0].Seeds);
        Assert.Null(rows[0].LinearMean);
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
    public void PlotMeans_AreTakenWhereEverySeedWasMeasured()
    {
        EpochMetrics[] Seed(double knn, double secondsAnEpoch, int epochs) =>
            [.. Enumerable.Range(0, epochs + 1).Select(e => new EpochMetrics { Epoch = e, Knn = knn + 0.1 * e, Seconds = e == 0 ? null : e * secondsAnEpoch })];

        var means = AccuracyPlot.Means(new MethodCurve("wcl", [Seed(0.2, 10, 2), Seed(0.4, 20, 1)]), metrics => metrics.Seconds ?? 0);
        Assert.Equal([new Coordinates(0, 30), new Coordinates(15, 40)], means.Select(point => new Coordinates(point.X, Math.Round(point.Y, 9))));
    }
}
