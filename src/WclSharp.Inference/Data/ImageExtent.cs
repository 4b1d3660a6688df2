namespace WclSharp.Data;

/// <summary>How much of a decoded picture is image. A decoder that shrinks by eighths rounds up, and fills what is beyond the image in its last row and column.</summary>
/// <param name="Height">Rows, not always whole.</param>
/// <param name="Width">Columns, likewise.</param>
internal readonly record struct ImageExtent(double Height, double Width)
{
    /// <summary>That of an image that was shrunk by eighths to the size that libjpeg says, sides times k / 8 rounded up; all of it where no k does.</summary>
    /// <param name="fullHeight">Height before, pixels.</param>
    /// <param name="fullWidth">Width before.</param>
    /// <param name="height">Height after.</param>
    /// <param name="width">Width after.</param>
    /// <param name="eighths">k that was asked for, which is looked at first: of tiny images several have the same size.</param>
    public static ImageExtent OfEighths(int fullHeight, int fullWidth, int height, int width, int eighths)
    {
        foreach (int k in (ReadOnlySpan<int>)[eighths, 1, 2, 3, 4, 5, 6, 7])
            if ((fullHeight * (long)k + 7) / 8 == height && (fullWidth * (long)k + 7) / 8 == width) return new(fullHeight * k / 8.0, fullWidth * k / 8.0);
        return new(height, width);
    }
}
