using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;
using WclSharp.Files;
using WclSharp.Reporting;

namespace WclSharp.Benchmarks.Losses;

/// <summary>Draws time and memory against the batch, both on logarithmic axes: a straight line is a power, its steepness the exponent.</summary>
internal static class LossPlot
{
    private const int PanelWidth = 560, Height = 440;

    /// <summary>Writes the picture as PNG.</summary>
    public static void Write(string path, IReadOnlyList<LossPoint> ours, IReadOnlyList<LossPoint> reference)
    {
        _ = PlotFont.Typeface;
        var panels = new Multiplot();
        panels.AddPlots(2);
        panels.Layout = new ScottPlot.MultiplotLayouts.Grid(1, 2);
        Fill(panels.GetPlot(0), "Graph and both losses, forward and backward", "seconds", point => point.Seconds);
        Fill(panels.GetPlot(1), "Memory above the inputs", "MiB", point => point.Mib);
        using var surface = SKSurface.Create(new SKImageInfo(2 * PanelWidth, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        panels.Render(surface.Canvas, new PixelRect(0, 2 * PanelWidth, Height, 0));
        using var picture = surface.Snapshot();
        using var png = picture.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(path, png.SaveTo);

        void Fill(Plot plot, string title, string unit, Func<LossPoint, double> value)
        {
            plot.Title(title, size: 15);
            plot.Axes.Title.Label.Bold = false;
            plot.XLabel("images in the batch", size: 13);
            plot.YLabel(unit, size: 13);
            foreach (var (name, colour, points) in (ValueTuple<string, string, IReadOnlyList<LossPoint>>[])[("WclSharp", "#0072B2", ours), ("plain PyTorch", "#D55E00", reference)])
            {
                if (points.Count == 0) continue;
                Coordinates[] places = [.. points.Select(point => new Coordinates(Math.Log10(point.Batch), Math.Log10(value(point))))];
                var line = plot.Add.Scatter(places, Color.FromHex(colour));
                (line.LegendText, line.LineWidth, line.MarkerSize) = (name, 2.5f, 7);
            }

            var batches = new NumericManual();
            foreach (var point in ours) batches.AddMajor(Math.Log10(point.Batch), point.Batch.ToString("N0", CultureInfo.InvariantCulture));
            plot.Axes.Bottom.TickGenerator = batches;
            var decades = new NumericManual();
            for (int power = -4; power <= 6; power++) decades.AddMajor(power, Math.Pow(10, power).ToString("#,0.####", CultureInfo.InvariantCulture));
            plot.Axes.Left.TickGenerator = decades;
            plot.Axes.Margins(0.06, 0.1);
            plot.Legend.ShadowColor = Colors.Transparent;
            plot.Legend.OutlineColor = Colors.Transparent;
            plot.ShowLegend(Alignment.UpperLeft);
        }
    }
}
