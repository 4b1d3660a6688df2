using System.Globalization;
using ScottPlot;
using SkiaSharp;
using WclSharp.Evaluation;
using WclSharp.Files;
using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>What the learning rate is at every step.</summary>
/// <param name="StepsPerEpoch">Steps in an epoch.</param>
/// <param name="At">Learning rate of a step, counted from 0.</param>
internal sealed record RateCurve(int StepsPerEpoch, Func<long, double> At);

/// <summary>
/// Draws the course of a run, a panel for each kind of metric over the epochs: losses, kNN accuracy, weak labels,
/// features, learning rate, projections. What was not measured has no panel. Around the accuracy lies its 95 % interval by Wilson's score, where the number of
/// images is known, and axes that do not begin at zero have a least span, so that noise does not look like a course.
/// </summary>
internal static class CurvesPlot
{
    private const int PanelWidth = 520, PanelHeight = 380, TitleHeight = 56, TitleSize = 20;

    private const string IntervalLabel = "95 % interval";
    private const double LegendStrip = 0.18;
    private const double LeastLossSpan = 0.2; // nats
    private const double LeastAlignmentSpan = 0.1, LeastUniformitySpan = 1; // of projections that have collapsed both are near 0, and should look so
    private const int MostRates = 400; // points of the learning rate's curve

    // Okabe and Ito's palette, told apart by people with any colour vision.
    private static readonly Color Blue = Color.FromHex("#0072B2"), Orange = Color.FromHex("#D55E00"), SkyBlue = Color.FromHex("#56B4E9"), Amber = Color.FromHex("#E69F00"), Grey = Color.FromHex("#777777");

    /// <summary>Writes the picture as PNG.</summary>
    /// <param name="path">File to write; an old one is replaced.</param>
    /// <param name="metrics">Metrics in the order of epochs; epoch 0 is before training.</param>
    /// <param name="title">Name of the run, above the panels.</param>
    /// <param name="testImages">Images that accuracies are shares of; null draws no interval.</param>
    /// <param name="rates">The run's learning rates; null draws none.</param>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<EpochMetrics> metrics, string title, long? testImages = null, RateCurve? rates = null)
    {
        byte[] png = Draw(metrics, title, testImages, rates);
        AtomicFile.Write(path, stream => stream.Write(png));
    }

    private static byte[] Draw(IReadOnlyList<EpochMetrics> metrics, string title, long? testImages, RateCurve? rates)
    {
        PlotLook.UseFont();
        int trained = metrics.Count == 0 ? 0 : metrics.Max(m => m.Epoch);
        string heldOut = testImages is { } count ? string.Create(CultureInfo.InvariantCulture, $"kNN accuracy on {count:N0} held-out images") : "kNN accuracy on held-out images";
        Curve Of(string name, Color color, Func<EpochMetrics, double?> metric, double scale = 1) =>
            new(name, color, [.. metrics.Where(m => metric(m) is { } value && double.IsFinite(value))
                .Select(m => new Coordinates(m.Epoch, metric(m)!.Value * scale))]);

        Panel[] panels =
        [
            new("Loss", "nats", [Of("instance", Blue, m => m.InstanceLoss), Of("weak", Orange, m => m.WeakLoss), Of("instance, local crops", SkyBlue, m => m.LocalInstanceLoss), Of("weak, local crops", Amber, m => m.LocalWeakLoss)]) { LeastSpan = LeastLossSpan },
            new(heldOut, "% of images", [Of("kNN", Blue, m => m.Knn, 100)]) { BaselineLabel = "before training", LeastSpan = PlotLook.LeastAccuracySpan, Largest = 100, Images = testImages },
            new("Weak labels", "% of batch", [Of("purity", Blue, m => m.Purity, 100), Of("largest component", Orange, m => m.LargestComponent, 100)]) { FromZero = true },
            new("Weak labels: connected components", "components per batch", [Of("components", Blue, m => m.Components)]) { FromZero = true },
            new("Effective rank of the features", "dimensions", [Of("effective rank", Blue, m => m.EffectiveRank)]) { FromZero = true },
            new("Learning rate", "learning rate", [new("learning rate", Blue, rates is null ? [] : Rates(rates, trained)) { Markers = false }]) { FromZero = true },
            new("Alignment of the projections", "mean d² of two views", [Of("alignment", Blue, m => m.Alignment)]) { FromZero = true, LeastSpan = LeastAlignmentSpan },
            new("Uniformity of the projections", "log mean exp(-2 d²) of images", [Of("uniformity", Blue, m => m.Uniformity)]) { ToZero = true, LeastSpan = LeastUniformitySpan },
        ];
        var drawn = panels.Where(panel => panel.Curves.Any(curve => curve.Points.Length > 0)).ToArray();
        if (drawn.Length == 0) drawn = [panels[0]]; // an empty picture says so itself

        int columns = drawn.Length switch { 1 => 1, <= 4 => 2, _ => 3 };
        int rows = (drawn.Length + columns - 1) / columns;
        var multiplot = new Multiplot();
        multiplot.AddPlots(drawn.Length);
        multiplot.Layout = new ScottPlot.MultiplotLayouts.Grid(rows, columns);
        for (int i = 0; i < drawn.Length; i++)
            Fill(multiplot.GetPlot(i), drawn[i], lastEpoch: Math.Max(1, trained));

        // Rendering panels clears the whole canvas, so they get one of their own.
        int width = columns * PanelWidth, height = rows * PanelHeight;
        using var panelSurface = Surface(width, height);
        multiplot.Render(panelSurface.Canvas, new PixelRect(0, width, height, 0));
        using var blank = new SKPaint { Color = SKColors.White };
        for (int i = drawn.Length; i < rows * columns; i++) // a last row that is not full
            panelSurface.Canvas.DrawRect(SKRect.Create(i % columns * PanelWidth, i / columns * PanelHeight, PanelWidth, PanelHeight), blank);

        using var surface = Surface(width, TitleHeight + height);
        surface.Canvas.Clear(SKColors.White);
        using var font = new SKFont(PlotFont.For(title) ?? PlotFont.Typeface, TitleSize) { Edging = SKFontEdging.Antialias, Subpixel = true };
        using var paint = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        surface.Canvas.DrawText(title, 16, TitleHeight / 2f + TitleSize / 2f, SKTextAlign.Left, font, paint);
        surface.Canvas.DrawSurface(panelSurface, 0, TitleHeight);
        using var picture = surface.Snapshot();
        using var png = picture.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    /// <summary>The rates of the epochs so far, each where its step begins; of many an even part, the first and the last among them.</summary>
    private static Coordinates[] Rates(RateCurve rates, int epochs)
    {
        long steps = (long)epochs * rates.StepsPerEpoch;
        int shown = (int)Math.Min(steps, MostRates);
        return [.. Enumerable.Range(0, shown).Select(i => shown == 1 ? 0 : i * (steps - 1) / (shown - 1)).Select(step => new Coordinates(step / (double)rates.StepsPerEpoch, rates.At(step)))];
    }

    private static SKSurface Surface(int width, int height) =>
        SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));

    private static void Fill(Plot plot, Panel panel, int lastEpoch)
    {
        PlotLook.Label(plot, panel.Title, "epoch", panel.Unit, titleSize: 15, axisSize: 13);
        plot.Axes.Bottom.TickGenerator = PlotLook.EpochTicks();
        plot.Axes.Left.TickGenerator = PlotLook.UprightTicks();

        foreach (var curve in panel.Curves.Where(curve => curve.Points.Length > 0))
        {
            var line = plot.Add.Scatter(curve.Points, curve.Color);
            line.LegendText = curve.Name;
            line.LineWidth = 2;
            line.MarkerSize = curve.Points.Length == 1 || (curve.Markers && curve.Points.Length <= 30) ? 6 : 0; // markers of a long run would hide its line
        }

        if (panel.Images is { } images and > 0 && panel.Curves[0].Points is { Length: > 0 } shares) DrawInterval(plot, shares, images, panel.Curves[0].Color);

        if (panel.BaselineLabel is not null && panel.Curves[0].Points is [{ X: 0 } before, ..])
        {
            var line = plot.Add.HorizontalLine(before.Y, 1.5f, Grey, LinePattern.Dashed);
            line.LegendText = panel.BaselineLabel;
        }

        bool legend = panel.Curves.Length > 1 || panel.BaselineLabel is not null; // of several curves, the one that was measured has a name too
        plot.Axes.AutoScale();
        var limits = plot.Axes.GetLimits();
        // Of a single point the axis goes far beyond it.
        double[] values = [.. panel.Curves.SelectMany(curve => curve.Points).Select(point => point.Y).DefaultIfEmpty()];
        var (bottom, top) = panel.FromZero ? FromZero(values.Max(), panel.LeastSpan, limits) : panel.ToZero ? ToZero(values.Min(), panel.LeastSpan) : PlotLook.Widened(limits.Bottom, limits.Top, panel.LeastSpan, panel.Largest);
        // The legend lies in a strip above the curves, so that it covers none.
        plot.Axes.SetLimits(-0.02 * lastEpoch, 1.02 * lastEpoch, bottom, legend ? top + LegendStrip * (top - bottom) : top);
        if (!legend)
        {
            plot.HideLegend();
            return;
        }

        plot.ShowLegend(Alignment.UpperRight, Orientation.Horizontal);
        plot.Legend.TightHorizontalWrapping = true;
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.OutlineColor = Grey.WithAlpha(0.4);
    }

    /// <summary>Ends of an axis that starts at zero.</summary>
    private static (double Bottom, double Top) FromZero(double largest, double leastSpan, AxisLimits limits)
    {
        largest = Math.Max(largest, leastSpan);
        return (0, largest > 0 ? 1.1 * largest : limits.Top);
    }

    /// <summary>Ends of an axis of values below zero, which ends just above it.</summary>
    private static (double Bottom, double Top) ToZero(double smallest, double leastSpan)
    {
        double lowest = 1.1 * Math.Min(smallest, -leastSpan);
        return (lowest, -0.05 * lowest);
    }

    /// <summary>Draws the intervals of shares in percent: a band, or a bar where there is but one.</summary>
    private static void DrawInterval(Plot plot, Coordinates[] shares, long images, Color color)
    {
        var intervals = shares.Select(share => WilsonInterval.Of(Math.Clamp(share.Y / 100, 0, 1), images)).ToArray();
        double[] x = [.. shares.Select(share => share.X)], low = [.. intervals.Select(interval => 100 * interval.Low)], high = [.. intervals.Select(interval => 100 * interval.High)];
        if (shares.Length == 1)
        {
            double y = shares[0].Y;
            var bar = new ScottPlot.Plottables.ErrorBar(x, [y], null, null, [y - low[0]], [high[0] - y]) { Color = color, LegendText = IntervalLabel };
            plot.PlottableList.Add(bar);
            return;
        }

        var band = plot.Add.FillY(x, low, high);
        (band.FillColor, band.LineWidth, band.LegendText) = (color.WithAlpha(0.2), 0, IntervalLabel);
        band.MarkerStyle.IsVisible = false;
    }

    private sealed record Curve(string Name, Color Color, Coordinates[] Points)
    {
        /// <summary>Whether its points are marked, where they are few.</summary>
        public bool Markers { get; init; } = true;
    }

    private sealed record Panel(string Title, string Unit, Curve[] Curves)
    {
        /// <summary>Whether the vertical axis starts at zero.</summary>
        public bool FromZero { get; init; }

        /// <summary>Whether the axis ends at zero, which no value is above.</summary>
        public bool ToZero { get; init; }

        /// <summary>How far the ends of the vertical axis are apart at least.</summary>
        public double LeastSpan { get; init; }

        /// <summary>Largest value that there can be.</summary>
        public double Largest { get; init; } = double.PositiveInfinity;

        /// <summary>Images that the first curve's values are shares of; null draws no interval.</summary>
        public long? Images { get; init; }

        /// <summary>Name of a dashed line at the first curve's value of epoch 0; null draws none.</summary>
        public string? BaselineLabel { get; init; }
    }
}
