using SkiaSharp;
using WclSharp.Files;
using static WclSharp.Reporting.SheetCell;

namespace WclSharp.Reporting;

/// <summary>Draws images in rows, each with its name and a line below it.</summary>
internal static class ContactSheet
{
    private const int MostColumns = 8, Header = 64;

    /// <summary>Images that a sheet shows at most.</summary>
    public const int LargestSheet = 400;

    /// <summary>Writes the picture as PNG; of many images the first few hundred.</summary>
    /// <param name="path">File to write; an old one is replaced.</param>
    /// <param name="images">Images, each with its caption, and a line below; at least one.</param>
    /// <param name="title">What the sheet shows.</param>
    /// <exception cref="WclException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<(SheetImage Image, string Detail)> images, string title)
    {
        if (images.Count == 0) throw new ArgumentException("A sheet needs one image or more.", nameof(images));
        images = [.. images.Take(LargestSheet)];
        using var titleFont = Font(TitleSize);
        using var font = Font(TextSize);
        int columns = Math.Min(MostColumns, images.Count), rows = (images.Count + columns - 1) / columns;
        int width = 2 * Margin + Math.Max(columns * (Cell + Gap) - Gap, (int)Math.Ceiling(titleFont.MeasureText(title)));
        int rowHeight = Cell + CaptionHeightOf(images.Select(each => each.Image));
        using var surface = SKSurface.Create(new SKImageInfo(width, Header + rows * rowHeight + Margin, SKColorType.Rgba8888, SKAlphaType.Opaque));
        surface.Canvas.Clear(SKColors.White);
        Text(surface.Canvas, title, Margin, Margin + TitleSize, titleFont, Ink, SKTextAlign.Left);
        foreach (var (i, (image, detail)) in images.Index())
        {
            int x = Margin + i % columns * (Cell + Gap), y = Header + i / columns * rowHeight;
            Image(surface.Canvas, image, x, y, Border);
            Caption(surface.Canvas, image, detail, x, y, font, Ink);
        }

        using var picture = surface.Snapshot();
        using var png = picture.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(path, png.SaveTo);
    }
}
