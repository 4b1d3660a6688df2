using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;
using WclSharp.Reporting;

namespace WclSharp.FineTuning;

/// <summary>Draws accuracy against the number of labels, on a logarithmic axis: a dot for each draw, and where there are several, their mean with its 95 % interval.</summary>
internal static class LabelPlot
{
    private const int Width = 900, Height = 560, DotSize = 7, MeanSize = 9;

    /// <summary>To either side of a single number of labels, decades.</summary>
    private const double AroundOne = 0.3;

    private static readonly (string Name, string Colour, Func<FineTuneRow, double?> Mean, Func<FineTuneRow, double?> Ci95, Func<FineTuneDraw, double?> Draw)[] Curves =
    [
        ("fine-tuned", "#D55E00", row => row.FinetuneMean, row => row.FinetuneCi95, draw => draw.Finetune),
        ("linear probe", "#0072B2", row => row.LinearMean, row => row.LinearCi95, draw => draw.Linear),
        ("kNN", "#009E73", row => row.KnnMean, row => row.KnnCi95, draw => draw.Knn),
        ("from scratch", "#777777", row => row.ScratchMean, row => row.ScratchCi95, draw => draw.Scratch),
    ];

    /// <summary>Writes the picture as PNG; an old one is replaced.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="rows">Means and intervals, fewest labels first; at least one.</param>
    /// <param name="draws">The draws that they are of.</param>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<FineTuneRow> rows, IReadOnlyList<FineTuneDraw> draws)
    {
        using var plot = PlotLook.New();
        double range = Math.Log10(rows[^1].Labels / (double)rows[0].Labels);
        foreach (var (index, (name, colour, mean, ci95, drawn)) in Curves.Index())
        {
            // A little beside each other, so that no bar hides another.
            double aside = (index - 1.5) * Math.Max(range, 1) * 0.006;
            var known = rows.Where(row => mean(row) is not null).ToArray();
            if (known.Length == 0) continue;
            double At(long labels) => Math.Log10(labels) + aside;
            double[] x = [.. known.Select(row => At(row.Labels))], y = [.. known.Select(row => 100 * mean(row)!.Value)];
            var color = Color.FromHex(colour);
            var line = plot.Add.Scatter(x, y, color);
            (line.LegendText, line.LineWidth, line.MarkerSize) = (name, 2, 0);
            Coordinates[] dots = [.. draws.Where(draw => drawn(draw) is not null).Select(draw => new Coordinates(At(draw.Labels), 100 * drawn(draw)!.Value))];
            plot.Add.Markers(dots, MarkerShape.FilledCircle, DotSize, color.WithAlpha(0.6));
            Coordinates[] means = [.. known.Where(row => row.Draws > 1).Select(row => new Coordinates(At(row.Labels), 100 * mean(row)!.Value))];
            if (means.Length > 0) plot.Add.Markers(means, MarkerShape.FilledSquare, MeanSize, color);
            FineTuneRow[] sure = [.. known.Where(row => ci95(row) is not null)];
            if (sure.Length > 0) plot.Add.ErrorBar([.. sure.Select(row => At(row.Labels))], [.. sure.Select(row => 100 * mean(row)!.Value)], [.. sure.Select(row => 100 * ci95(row)!.Value)]).Color = color;
        }

        PlotLook.Label(plot, $"Accuracy by number of labels\n{Marks(rows)}", "labelled images", "% of test images", titleSize: 15);
        var ticks = new NumericManual();
        foreach (var row in rows) ticks.AddMajor(Math.Log10(row.Labels), row.Labels.ToString("N0", CultureInfo.InvariantCulture));
        plot.Axes.Bottom.TickGenerator = ticks;
        plot.Axes.Left.TickGenerator = PlotLook.UprightTicks();
        plot.Axes.Margins(0.1, 0.1);
        plot.Axes.AutoScale();
        var limits = plot.Axes.GetLimits();
        var (bottom, top) = PlotLook.Widened(Math.Max(0, limits.Bottom), Math.Min(100, limits.Top), PlotLook.LeastAccuracySpan, 100); // of an interval of two draws, more can lie outside
        plot.Axes.SetLimitsY(bottom, top < 100 ? top : 100 + 0.02 * (100 - bottom)); // whole marks at 100
        if (range == 0) plot.Axes.SetLimitsX(Math.Log10(rows[0].Labels) - AroundOne, Math.Log10(rows[0].Labels) + AroundOne);
        PlotLook.ShowLegendBeside(plot);
        PlotLook.Write(plot, path, Width, Height);
    }

    /// <summary>What dots, squares and bars are, and of how many draws.</summary>
    internal static string Marks(IReadOnlyList<FineTuneRow> rows)
    {
        var (fewest, most) = (rows.Min(row => row.Draws), rows.Max(row => row.Draws));
        if (most == 1) return "dots: one draw of the labels each, so without intervals";
        string draws = fewest == most ? FormattableString.Invariant($"{most} draws of the labels") : FormattableString.Invariant($"{fewest} to {most} draws"); // the line has room for some 90 characters
        // There is none of draws that gave the same, as all do of kNN where all labels are used.
        bool[] intervals = [.. rows.Where(row => row.Draws > 1).SelectMany(row => Curves.Where(curve => curve.Mean(row) is not null).Select(curve => curve.Ci95(row) is not null))];
        string interval = !intervals.Contains(true) ? "without an interval: the draws gave the same" : intervals.Contains(false) ? "with its 95 % interval where they differ" : "with its 95 % interval";
        return $"dots: {draws}; squares: {(fewest == 1 ? "the mean of several" : "their mean")}, {interval}";
    }
}
