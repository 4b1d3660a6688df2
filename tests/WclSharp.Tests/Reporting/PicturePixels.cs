using SkiaSharp;

namespace WclSharp.Tests.Reporting;

/// <summary>Counts what is drawn in a part of a picture.</summary>
internal static class PicturePixels
{
    public static int Count(SKBitmap picture, SKRectI area, SKColor color) => Count(picture, area, pixel => pixel == color);

    /// <summary>Rows of an area in which a colour is, from above.</summary>
    public static int[] RowsOf(SKBitmap picture, SKRectI area, SKColor color)
    {
        var pixels = picture.Pixels; // copied each time
        return [.. Enumerable.Range(area.Top, area.Height).Where(y => pixels.AsSpan(y * picture.Width + area.Left, area.Width).Contains(color))];
    }

    public static int CountDark(SKBitmap picture, SKRectI area) => Count(picture, area, pixel => pixel.Red < 100);

    public static int Count(SKBitmap picture, SKRectI area, Func<SKColor, bool> wanted)
    {
        var pixels = picture.Pixels;
        int count = 0;
        for (int y = area.Top; y < area.Bottom; y++)
            for (int x = area.Left; x < area.Right; x++)
                if (wanted(pixels[y * picture.Width + x])) count++;
        return count;
    }
}
