using System.Globalization;
using SkiaSharp;
using WclSharp.Files;
using static WclSharp.Reporting.SheetCell;

namespace WclSharp.Reporting;

/// <summary>
/// Draws held-out images beside the training images whose features are nearest: what the encoder takes to be alike.
/// A neighbour of the same class has a green frame, of another class a red one.
/// </summary>
internal static class NeighborSheet
{
    private const int QueryGap = 26, HeaderHeight = 84;

    // Dark enough on white, and apart in lightness as well as in hue.
    private static readonly SKColor Agree = new(0x2E, 0xA0, 0x43), Differ = new(0xB0, 0x1E, 0x1E), Query = new(0x00, 0x48, 0x8A);

    /// <summary>Writes the picture as PNG.</summary>
    /// <param name="path">File to write; an old one is replaced.</param>
    /// <param name="rows">One row of the sheet each; at least one.</param>
    /// <param name="title">What the sheet shows.</param>
    /// <param name="queryDetail">What stands below a row's first image.</param>
    /// <exception cref="ArgumentException">There is no row, or an image's pixels do not fit its shape.</exception>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<SheetRow> rows, string title, string queryDetail)
    {
        if (rows.Count == 0) throw new ArgumentException("A sheet needs one row or more.", nameof(rows));
        using var picture = Draw(rows, title, queryDetail);
        using var png = picture.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(path, png.SaveTo);
    }

    private static SKImage Draw(IReadOnlyList<SheetRow> rows, string title, string queryDetail)
    {
        using var titleFont = Font(TitleSize);
        using var font = Font(TextSize);
        bool labelled = rows.Any(row => row.Neighbors.Any(neighbor => neighbor.Agrees is not null));
        string legend = labelled ? "green: same class    red: another class    number: cosine similarity" : "number: cosine similarity";

        int neighbors = rows.Max(row => row.Neighbors.Count);
        int gridWidth = Cell + QueryGap + neighbors * (Cell + Gap) - Gap;
        int width = 2 * Margin + Math.Max(gridWidth, (int)Math.Ceiling(Math.Max(titleFont.MeasureText(title), font.MeasureText(legend))));
        int height = HeaderHeight + rows.Count * (Cell + CaptionHeight) + Margin;
        using var surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var canvas = surface.Canvas;
        canvas.Clear(SKColors.White);

        Text(canvas, title, Margin, Margin + TitleSize, titleFont, Ink, SKTextAlign.Left);
        Text(canvas, legend, Margin, Margin + TitleSize + 22, font, Faint, SKTextAlign.Left);
        int y = HeaderHeight;
        foreach (var row in rows)
        {
            Image(canvas, row.Query, Margin, y, Query);
            Caption(canvas, row.Query.Caption, queryDetail, Margin, y, font, Query);
            int x = Margin + Cell + QueryGap;
            foreach (var neighbor in row.Neighbors)
            {
                var color = neighbor.Agrees switch { true => Agree, false => Differ, null => Border };
                Image(canvas, neighbor.Image, x, y, color);
                Caption(canvas, neighbor.Image.Caption, neighbor.Similarity.ToString("0.000", CultureInfo.InvariantCulture), x, y, font,
                    neighbor.Agrees is null ? Ink : color);
                x += Cell + Gap;
            }

            y += Cell + CaptionHeight;
        }

        return surface.Snapshot();
    }
}
