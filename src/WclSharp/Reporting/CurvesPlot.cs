using ScottPlot;
using SkiaSharp;
using WclSharp.Files;
using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>
/// Draws the course of a run, a panel for each kind of metric over the epochs: losses, kNN accuracy, weak labels,
/// features, learning rate. What was not measured has no panel.
/// </summary>
internal static class CurvesPlot
{
    private const int PanelWidth = 520, PanelHeight = 380, TitleHeight = 56, TitleSize = 20;

    private const double LegendStrip = 0.18;

    // Okabe and Ito's palette, told apart by people with any colour vision.
    private static readonly Color Blue = Color.FromHex("#0072B2"), Orange = Color.FromHex("#D55E00"), SkyBlue = Color.FromHex("#56B4E9"), Amber = Color.FromHex("#E69F00"), Grey = Color.FromHex("#777777");

    /// <summary>Writes the picture as PNG.</summary>
    /// <param name="path">File to write; an old one is replaced.</param>
    /// <param name="metrics">Metrics in the order of epochs; epoch 0 is before training.</param>
    /// <param name="title">Name of the run, above the panels.</param>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<EpochMetrics> metrics, string title)
    {
        byte[] png = Draw(metrics, title);
        AtomicFile.Write(path, stream => stream.Write(png));
    }

    private static byte[] Draw(IReadOnlyList<EpochMetrics> metrics, string title)
    {
        PlotLook.UseFont();
        Curve Of(string name, Color color, Func<EpochMetrics, double?> metric, double scale = 1) =>
            new(name, color, [.. metrics.Where(m => metric(m) is { } value && double.IsFinite(value))
                .Select(m => new Coordinates(m.Epoch, metric(m)!.Value * scale))]);

        Panel[] panels =
        [
            new("Loss", "nats", [Of("instance", Blue, m => m.InstanceLoss), Of("weak", Orange, m => m.WeakLoss), Of("instance, local crops", SkyBlue, m => m.LocalInstanceLoss), Of("weak, local crops", Amber, m => m.LocalWeakLoss)]),
            new("kNN accuracy on held-out images", "% of images", [Of("kNN", Blue, m => m.Knn, 100)]) { BaselineLabel = "before training" },
            new("Weak labels", "% of batch", [Of("purity", Blue, m => m.Purity, 100), Of("largest component", Orange, m => m.LargestComponent, 100)]) { FromZero = true },
            new("Weak labels: connected components", "components per batch", [Of("components", Blue, m => m.Components)]) { FromZero = true },
            new("Effective rank of the features", "dimensions", [Of("effective rank", Blue, m => m.EffectiveRank)]) { FromZero = true },
            new("Learning rate, last step of the epoch", "learning rate", [Of("learning rate", Blue, m => m.Lr)]) { FromZero = true },
        ];
        var drawn = panels.Where(panel => panel.Curves.Any(curve => curve.Points.Length > 0)).ToArray();
        if (drawn.Length == 0) drawn = [panels[0]]; // an empty picture says so itself

        int columns = drawn.Length switch { 1 => 1, <= 4 => 2, _ => 3 };
        int rows = (drawn.Length + columns - 1) / columns;
        var multiplot = new Multiplot();
        multiplot.AddPlots(drawn.Length);
        multiplot.Layout = new ScottPlot.MultiplotLayouts.Grid(rows, columns);
        for (int i = 0; i < drawn.Length; i++)
            Fill(multiplot.GetPlot(i), drawn[i], lastEpoch: metrics.Count == 0 ? 1 : Math.Max(1, metrics.Max(m => m.Epoch)));

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
            line.MarkerSize = curve.Points.Length <= 30 ? 6 : 0; // markers of a long run would hide its line
        }

        if (panel.BaselineLabel is not null && panel.Curves[0].Points is [{ X: 0 } before, ..])
        {
            var line = plot.Add.HorizontalLine(before.Y, 1.5f, Grey, LinePattern.Dashed);
            line.LegendText = panel.BaselineLabel;
        }

        bool legend = panel.Curves.Length > 1 || panel.BaselineLabel is not null; // of several curves, the one that was measured has a name too
        plot.Axes.AutoScale();
        var limits = plot.Axes.GetLimits();
        double bottom = panel.FromZero ? 0 : limits.Bottom;
        double top = panel.FromZero ? limits.Top * 1.05 : limits.Top;
        // The legend lies in a strip above the curves, so that it covers none.
        plot.Axes.SetLimits(-0.02 * lastEpoch, 1.02 * lastEpoch, bottom, legend ? top + LegendStrip * (top - bottom) : top);
        if (!legend)
        {
            plot.HideLegend();
            return;
        }

        plot.ShowLegend(Alignment.UpperRight, Orientation.Horizontal);
        plot.Legend.ShadowColor = Colors.Transparent;
        plot.Legend.OutlineColor = Grey.WithAlpha(0.4);
    }

    private sealed record Curve(string Name, Color Color, Coordinates[] Points);

    private sealed record Panel(string Title, string Unit, Curve[] Curves)
    {
        /// <summary>Whether the vertical axis starts at zero.</summary>
        public bool FromZero { get; init; }

        /// <summary>Name of a dashed line at the first curve's value of epoch 0; null draws none.</summary>
        public string? BaselineLabel { get; init; }
    }
}
