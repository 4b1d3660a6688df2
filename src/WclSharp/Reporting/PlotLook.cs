using ScottPlot;
using ScottPlot.TickGenerators;
using WclSharp.Files;

namespace WclSharp.Reporting;

/// <summary>What our plots have in common.</summary>
internal static class PlotLook
{
    /// <summary>An empty plot in our font.</summary>
    public static Plot New()
    {
        UseFont();
        return new Plot();
    }

    /// <summary>Makes our font that of all plots, those of a <see cref="Multiplot"/> among them.</summary>
    public static void UseFont() => _ = PlotFont.Typeface;

    /// <summary>Writes above and beside a plot what it shows.</summary>
    public static void Label(Plot plot, string title, string x, string y, float titleSize = 18, float axisSize = 14)
    {
        plot.Title(title, size: titleSize);
        plot.Axes.Title.Label.Bold = false;
        plot.XLabel(x, size: axisSize);
        plot.YLabel(y, size: axisSize);
    }

    /// <summary>Ticks of an axis of epochs, at whole ones.</summary>
    public static NumericAutomatic EpochTicks() => new()
    {
        IntegerTicksOnly = true,
        MinimumTickSpacing = 35,
        MinorTickGenerator = new EvenlySpacedMinorTickGenerator(1), // there are no parts of epochs to mark
    };

    /// <summary>Ticks of an upright axis, not too close to each other.</summary>
    public static NumericAutomatic UprightTicks() => new() { MinimumTickSpacing = 30 };

    /// <summary>Least span of an axis of accuracies, points: on a shorter one, the noise of a few images looks like a trend.</summary>
    public const double LeastAccuracySpan = 5;

    /// <summary>Ends of an axis at least so far apart; what it gains lies on both sides, as far as there is room below the largest value that there can be.</summary>
    public static (double Bottom, double Top) Widened(double bottom, double top, double leastSpan, double largest = double.PositiveInfinity)
    {
        double lack = leastSpan - (top - bottom);
        if (lack <= 0) return (bottom, top);
        double middle = Math.Min((bottom + top) / 2, largest - leastSpan / 2);
        double low = Math.Max(0, middle - leastSpan / 2); // nothing that is drawn is below 0
        return (low, low + leastSpan);
    }

    /// <summary>Shows the legend beside the curves, so that it covers none.</summary>
    public static void ShowLegendBeside(Plot plot)
    {
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.OutlineColor = Colors.Transparent;
        plot.ShowLegend(Edge.Right);
    }

    /// <summary>Writes the picture as PNG; an old one is replaced.</summary>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(Plot plot, string path, int width, int height)
    {
        byte[] png = plot.GetImageBytes(width, height, ImageFormat.Png);
        AtomicFile.Write(path, stream => stream.Write(png));
    }
}
