using ScottPlot;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>A method's metrics over the epochs, for each of its runs.</summary>
internal sealed record MethodCurve(string Method, IReadOnlyList<IReadOnlyList<EpochMetrics>> Runs);

/// <summary>
/// Draws kNN accuracy of several methods over epochs or over training time: a line through the means, and a
/// point for every seed. The mean of an epoch is drawn where all of a method's runs measured it, at their mean time.
/// </summary>
internal static class AccuracyPlot
{
    private const int Width = 900, Height = 560;
    private const double SecondsInMinutes = 180, SecondsInHours = 3 * 3600; // longer times are shown in these

    // Okabe and Ito's palette without its yellow, which is too pale for lines; then again, dashed.
    private static readonly Color[] Palette = [.. ((string[])["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777"]).Select(hex => Color.FromHex(hex))];

    /// <summary>Writes the picture as PNG.</summary>
    /// <param name="path">File to write; an old one is replaced.</param>
    /// <param name="curves">Methods in the order of the legend.</param>
    /// <param name="overTime">Over training time instead of epochs.</param>
    /// <returns>False where no accuracy was measured, and nothing was drawn.</returns>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static bool Write(string path, IReadOnlyList<MethodCurve> curves, bool overTime)
    {
        var measured = curves.SelectMany(curve => curve.Runs).SelectMany(run => run).Where(IsMeasured).ToArray();
        if (measured.Length == 0) return false;
        var (unit, perUnit) = UnitOf(measured.Max(SecondsOf));
        double X(EpochMetrics metrics) => overTime ? SecondsOf(metrics) / perUnit : metrics.Epoch;

        using var plot = PlotLook.New();
        foreach (var (index, curve) in curves.Index()) Draw(plot, curve, index, X);
        PlotLook.Label(plot, overTime ? "kNN accuracy over training time" : "kNN accuracy over epochs", overTime ? $"{unit} of training, evaluation left out" : "epoch", "% of held-out images");
        if (!overTime) plot.Axes.Bottom.TickGenerator = PlotLook.EpochTicks();
        plot.Axes.Left.TickGenerator = PlotLook.UprightTicks();
        plot.Axes.Margins(0.03, 0.06);
        plot.Axes.AutoScale();
        var limits = plot.Axes.GetLimits();
        var (bottom, top) = PlotLook.Widened(limits.Bottom, limits.Top, PlotLook.LeastAccuracySpan, 100);
        plot.Axes.SetLimitsY(bottom, top);
        PlotLook.ShowLegendBeside(plot);
        PlotLook.Write(plot, path, Width, Height);
        return true;
    }

    /// <summary>What times up to one are shown in: its name and its seconds.</summary>
    internal static (string Name, double Seconds) UnitOf(double longestSeconds) => longestSeconds switch
    {
        > SecondsInHours => ("hours", 3600),
        > SecondsInMinutes => ("minutes", 60),
        _ => ("seconds", 1),
    };

    /// <summary>Points of the mean line, in the order of epochs: where every run was measured.</summary>
    internal static Coordinates[] Means(MethodCurve curve, Func<EpochMetrics, double> x) =>
    [
        .. curve.Runs.SelectMany(run => run).Where(IsMeasured).GroupBy(metrics => metrics.Epoch).Where(epoch => epoch.Count() == curve.Runs.Count)
            .OrderBy(epoch => epoch.Key).Select(epoch => new Coordinates(epoch.Average(x), epoch.Average(metrics => 100 * metrics.Knn!.Value))),
    ];

    private static void Draw(Plot plot, MethodCurve curve, int index, Func<EpochMetrics, double> x)
    {
        var color = Palette[index % Palette.Length];
        var line = plot.Add.Scatter(Means(curve, x), color);
        line.LegendText = curve.Method;
        line.LineWidth = 2.5f;
        line.LinePattern = index < Palette.Length ? LinePattern.Solid : LinePattern.Dashed;
        line.MarkerSize = curve.Runs.Count == 1 ? 6 : 0;
        if (curve.Runs.Count == 1) return;
        Coordinates[] seeds = [.. curve.Runs.SelectMany(run => run).Where(IsMeasured).Select(metrics => new Coordinates(x(metrics), 100 * metrics.Knn!.Value))];
        var points = plot.Add.Markers(seeds, MarkerShape.FilledCircle, 5, color.WithAlpha(0.6));
        points.LegendText = "";
    }

    private static bool IsMeasured(EpochMetrics metrics) => metrics.Knn is { } knn && double.IsFinite(knn);

    /// <summary>Training time; the untrained network, epoch 0, has none.</summary>
    private static double SecondsOf(EpochMetrics metrics) => metrics.Seconds ?? 0;
}
