using System.Globalization;
using SkiaSharp;
using WclSharp.Files;
using static WclSharp.Reporting.SheetCell;

namespace WclSharp.Reporting;

/// <summary>
/// Draws held-out images beside the training images whose features are nearest: what the encoder takes to be alike.
/// A neighbour of the same class has a solid blue frame, of another class a dashed orange one: people of any colour vision can tell them apart.
/// </summary>
internal static class NeighborSheet
{
    private const int QueryGap = 26, HeaderHeight = 84;

    // Blue and orange of Okabe and Ito's palette, the orange darker for the text below.
    private static readonly SKColor Agree = new(0x00, 0x72, 0xB2), Differ = new(0xC0, 0x50, 0x00), Query = new(0x44, 0x44, 0x44);

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
        string legend = labelled ? "solid blue: same class    dashed orange: another class    number: cosine similarity" : "number: cosine similarity";

        int neighbors = rows.Max(row => row.Neighbors.Count);
        int gridWidth = Cell + QueryGap + neighbors * (Cell + Gap) - Gap;
        int width = 2 * Margin + Math.Max(gridWidth, (int)Math.Ceiling(Math.Max(titleFont.MeasureText(title), font.MeasureText(legend))));
        int rowHeight = Cell + CaptionHeightOf(rows.SelectMany(row => row.Neighbors.Select(neighbor => neighbor.Image).Append(row.Query)));
        int height = HeaderHeight + rows.Count * rowHeight + Margin;
        using var surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var canvas = surface.Canvas;
        canvas.Clear(SKColors.White);

        Text(canvas, title, Margin, Margin + TitleSize, titleFont, Ink, SKTextAlign.Left);
        Text(canvas, legend, Margin, Margin + TitleSize + 22, font, Faint, SKTextAlign.Left);
        int y = HeaderHeight;
        foreach (var row in rows)
        {
            Image(canvas, row.Query, Margin, y, Query);
            Caption(canvas, row.Query, queryDetail, Margin, y, font, Query);
            int x = Margin + Cell + QueryGap;
            foreach (var neighbor in row.Neighbors)
            {
                var color = neighbor.Agrees switch { true => Agree, false => Differ, null => Border };
                Image(canvas, neighbor.Image, x, y, color, dashed: neighbor.Agrees is false);
                Caption(canvas, neighbor.Image, neighbor.Similarity.ToString("0.000", CultureInfo.InvariantCulture), x, y, font,
                    neighbor.Agrees is null ? Ink : color);
                x += Cell + Gap;
            }

            y += rowHeight;
        }

        return surface.Snapshot();
    }
}
