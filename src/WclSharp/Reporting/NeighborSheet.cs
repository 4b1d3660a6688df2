using System.Globalization;
using SkiaSharp;
using WclSharp.Checkpoints;

namespace WclSharp.Reporting;

/// <summary>
/// Draws held-out images beside the training images whose features are nearest: what the encoder takes to be alike.
/// A neighbour of the same class has a green frame, of another class a red one.
/// </summary>
internal static class NeighborSheet
{
    private const int Cell = 96, Gap = 14, QueryGap = 26, CaptionHeight = 44, Margin = 24, HeaderHeight = 84, FrameWidth = 4;
    private const float TitleSize = 20, TextSize = 12;

    // Dark enough on white, and apart in lightness as well as in hue.
    private static readonly SKColor Ink = new(0x22, 0x22, 0x22), Faint = new(0x66, 0x66, 0x66), Border = new(0x99, 0x99, 0x99),
        Agree = new(0x2E, 0xA0, 0x43), Differ = new(0xB0, 0x1E, 0x1E), Query = new(0x00, 0x48, 0x8A);

    /// <summary>Writes the picture as PNG.</summary>
    /// <param name="path">File to write; an old one is replaced.</param>
    /// <param name="rows">One row of the sheet each; at least one.</param>
    /// <param name="title">What the sheet shows.</param>
    /// <exception cref="ArgumentException">There is no row, or an image's pixels do not fit its shape.</exception>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<SheetRow> rows, string title = "Held-out images and their nearest training images")
    {
        if (rows.Count == 0) throw new ArgumentException("A sheet needs one row or more.", nameof(rows));
        using var picture = Draw(rows, title);
        using var png = picture.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(path, png.SaveTo);
    }

    private static SKImage Draw(IReadOnlyList<SheetRow> rows, string title)
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
            Caption(canvas, row.Query.Caption, "held out", Margin, y, font, Query);
            int x = Margin + Cell + QueryGap;
            foreach (var neighbor in row.Neighbors)
            {
                var color = neighbor.Agrees switch { true => Agree, false => Differ, null => Border };
                Image(canvas, neighbor.Image, x, y, color);
                Caption(canvas, neighbor.Image.Caption, neighbor.Similarity.ToString("0.00", CultureInfo.InvariantCulture), x, y, font,
                    neighbor.Agrees is null ? Ink : color);
                x += Cell + Gap;
            }

            y += Cell + CaptionHeight;
        }

        return surface.Snapshot();
    }

    private static SKFont Font(float size) => new(PlotFont.Typeface, size) { Edging = SKFontEdging.Antialias, Subpixel = true };

    /// <summary>Draws an image into its cell, as large as fits, with a frame around it.</summary>
    private static void Image(SKCanvas canvas, SheetImage image, int x, int y, SKColor frame)
    {
        using var bitmap = ToBitmap(image);
        double fit = (double)Cell / Math.Max(image.Width, image.Height);
        float width = (float)(image.Width * fit), height = (float)(image.Height * fit);
        var target = SKRect.Create(x + (Cell - width) / 2, y + (Cell - height) / 2, width, height);

        // Few pixels are shown as the squares they are; many are averaged.
        var sampling = fit >= 1 ? new SKSamplingOptions(SKFilterMode.Nearest) : new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear);
        using var pixels = SKImage.FromBitmap(bitmap);
        canvas.DrawImage(pixels, target, sampling);

        target.Inflate(FrameWidth / 2f, FrameWidth / 2f);
        using var paint = new SKPaint { Color = frame, Style = SKPaintStyle.Stroke, StrokeWidth = FrameWidth, IsAntialias = true };
        canvas.DrawRect(target, paint);
    }

    private static SKBitmap ToBitmap(SheetImage image)
    {
        var (pixels, channels, height, width, _) = image;
        int plane = height * width;
        if (channels is not (1 or 3) || plane <= 0 || pixels.Length != channels * plane)
            throw new ArgumentException($"An image of [{channels}, {height}, {width}] with {pixels.Length} bytes cannot be drawn; expected 1 or 3 channels and C x H x W bytes.");

        var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var target = bitmap.GetPixelSpan();
        var (green, blue) = channels == 1 ? (0, 0) : (plane, 2 * plane);
        for (int y = 0; y < height; y++)
        {
            var line = target[(y * bitmap.RowBytes)..];
            for (int x = 0; x < width; x++)
            {
                int i = y * width + x;
                line[4 * x] = pixels[i];
                line[4 * x + 1] = pixels[green + i];
                line[4 * x + 2] = pixels[blue + i];
                line[4 * x + 3] = byte.MaxValue;
            }
        }

        return bitmap;
    }

    private static void Caption(SKCanvas canvas, string? name, string detail, int x, int y, SKFont font, SKColor color)
    {
        float baseline = y + Cell + FrameWidth + font.Size + 1;
        if (name is not null)
        {
            Text(canvas, Shortened(name, font), x + Cell / 2f, baseline, font, color, SKTextAlign.Center);
            baseline += font.Size + 2;
        }

        Text(canvas, detail, x + Cell / 2f, baseline, font, Faint, SKTextAlign.Center);
    }

    /// <summary>The text, its end replaced by an ellipsis where it is wider than a cell.</summary>
    private static string Shortened(string text, SKFont font)
    {
        if (font.MeasureText(text) <= Cell + Gap - 2) return text;
        int length = text.Length;
        while (length > 1 && font.MeasureText(text[..length] + "…") > Cell + Gap - 2) length--;
        return text[..length] + "…";
    }

    private static void Text(SKCanvas canvas, string text, float x, float baseline, SKFont font, SKColor color, SKTextAlign align)
    {
        using var paint = new SKPaint { Color = color, IsAntialias = true };
        canvas.DrawText(text, x, baseline, align, font, paint);
    }
}
