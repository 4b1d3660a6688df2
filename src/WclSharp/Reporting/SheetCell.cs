using SkiaSharp;

namespace WclSharp.Reporting;

/// <summary>What sheets of images are drawn with: a square cell for an image with a frame, and lines of text below it.</summary>
internal static class SheetCell
{
    /// <summary>Pixels.</summary>
    public const int Cell = 96, Gap = 14, CaptionHeight = 44, Margin = 24, FrameWidth = 4, LineGap = 2;

    /// <summary>Pixels.</summary>
    public const float TitleSize = 20, TextSize = 12;

    /// <summary>Dark enough on white.</summary>
    public static readonly SKColor Ink = new(0x22, 0x22, 0x22), Faint = new(0x66, 0x66, 0x66), Border = new(0x99, 0x99, 0x99);

    /// <summary>The sheets' typeface.</summary>
    public static SKFont Font(float size) => new(PlotFont.Typeface, size) { Edging = SKFontEdging.Antialias, Subpixel = true };

    /// <summary>Space for the lines below images, pixels.</summary>
    public static int CaptionHeightOf(IEnumerable<SheetImage> images) => CaptionHeight + (images.Any(image => image.SecondLine is not null) ? (int)TextSize + LineGap : 0);

    /// <summary>Draws an image into its cell, as large as fits, with a frame around it.</summary>
    public static void Image(SKCanvas canvas, SheetImage image, int x, int y, SKColor frame, bool dashed = false)
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
        using var dashes = dashed ? SKPathEffect.CreateDash([2 * FrameWidth, FrameWidth], 0) : null;
        paint.PathEffect = dashes;
        canvas.DrawRect(target, paint);
    }

    /// <summary>The pixels as a bitmap, which the caller owns.</summary>
    public static SKBitmap ToBitmap(SheetImage image)
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

    /// <summary>Writes an image's lines, where it has some, and a detail below it.</summary>
    public static void Caption(SKCanvas canvas, SheetImage image, string detail, int x, int y, SKFont font, SKColor color)
    {
        float baseline = y + Cell + FrameWidth + font.Size + 1;
        foreach (string name in new[] { image.Caption, image.SecondLine }.OfType<string>())
        {
            using var other = PlotFont.For(name) is { } typeface && typeface != font.Typeface ? new SKFont(typeface, font.Size) { Edging = font.Edging, Subpixel = font.Subpixel } : null;
            Text(canvas, Shortened(name, other ?? font), x + Cell / 2f, baseline, other ?? font, color, SKTextAlign.Center);
            baseline += font.Size + LineGap;
        }

        Text(canvas, detail, x + Cell / 2f, baseline, font, Faint, SKTextAlign.Center);
    }

    /// <summary>The text, its middle replaced by an ellipsis where it is wider than a cell: a camera's names differ at their ends.</summary>
    internal static string Shortened(string text, SKFont font)
    {
        int kept = text.Length;
        string shown = text;
        while (kept > 1 && font.MeasureText(shown) > Cell + Gap - 2)
        {
            kept--;
            int start = Math.Max(1, kept * 2 / 5);
            shown = $"{text[..start].TrimEnd()}…{text[(text.Length - kept + start)..]}";
        }

        return shown;
    }

    /// <summary>Writes a line.</summary>
    public static void Text(SKCanvas canvas, string text, float x, float baseline, SKFont font, SKColor color, SKTextAlign align)
    {
        using var paint = new SKPaint { Color = color, IsAntialias = true };
        canvas.DrawText(text, x, baseline, align, font, paint);
    }
}
