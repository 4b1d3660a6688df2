using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;
using WclSharp.Reporting;

namespace WclSharp.FineTuning;

/// <summary>Draws accuracy against the number of labels, on a logarithmic axis, with 95 % intervals.</summary>
internal static class LabelPlot
{
    private const int Width = 900, Height = 560;

    /// <summary>To either side of a single number of labels, decades.</summary>
    private const double AroundOne = 0.3;

    private static readonly (string Name, string Colour, Func<FineTuneRow, double?> Mean, Func<FineTuneRow, double?> Ci95)[] Curves =
    [
        ("fine-tuned", "#D55E00", row => row.FinetuneMean, row => row.FinetuneCi95),
        ("linear probe", "#0072B2", row => row.LinearMean, row => row.LinearCi95),
        ("kNN", "#009E73", row => row.KnnMean, row => row.KnnCi95),
        ("from scratch", "#777777", row => row.ScratchMean, row => row.ScratchCi95),
    ];

    /// <summary>Writes the picture as PNG; an old one is replaced.</summary>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<FineTuneRow> rows)
    {
        using var plot = PlotLook.New();
        double range = Math.Log10(rows[^1].Labels / (double)rows[0].Labels);
        foreach (var (index, (name, colour, mean, ci95)) in Curves.Index())
        {
            // A little beside each other, so that no bar hides another.
            double aside = (index - 1.5) * Math.Max(range, 1) * 0.006;
            var known = rows.Where(row => mean(row) is not null).ToArray();
            if (known.Length == 0) continue;
            double[] x = [.. known.Select(row => Math.Log10(row.Labels) + aside)], y = [.. known.Select(row => 100 * mean(row)!.Value)];
            var line = plot.Add.Scatter(x, y, Color.FromHex(colour));
            (line.LegendText, line.LineWidth, line.MarkerSize) = (name, 2.5f, 7);
            var bars = plot.Add.ErrorBar(x, y, [.. known.Select(row => 100 * (ci95(row) ?? 0))]);
            bars.Color = Color.FromHex(colour);
        }

        PlotLook.Label(plot, "Accuracy by number of labels", "labelled images", "% of test images");
        var ticks = new NumericManual();
        foreach (var row in rows) ticks.AddMajor(Math.Log10(row.Labels), row.Labels.ToString("N0", CultureInfo.InvariantCulture));
        plot.Axes.Bottom.TickGenerator = ticks;
        plot.Axes.Left.TickGenerator = PlotLook.UprightTicks();
        plot.Axes.Margins(0.1, 0.1);
        plot.Axes.AutoScale();
        var limits = plot.Axes.GetLimits();
        plot.Axes.SetLimitsY(Math.Max(0, limits.Bottom), Math.Min(100, limits.Top)); // of an interval of two draws, more can lie outside
        if (range == 0) plot.Axes.SetLimitsX(Math.Log10(rows[0].Labels) - AroundOne, Math.Log10(rows[0].Labels) + AroundOne);
        PlotLook.ShowLegendBeside(plot);
        PlotLook.Write(plot, path, Width, Height);
    }
}
