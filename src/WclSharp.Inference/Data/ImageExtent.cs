namespace WclSharp.Data;

/// <summary>How much of a decoded picture is image. A decoder that shrinks by eighths rounds up, and fills what is beyond the image in its last row and column.</summary>
/// <param name="Height">Rows, not always whole.</param>
/// <param name="Width">Columns, likewise.</param>
internal readonly record struct ImageExtent(double Height, double Width)
{
    /// <summary>That of an image that was shrunk by eighths to the size that libjpeg says, sides times k / 8 rounded up; all of it where the size is another.</summary>
    /// <param name="fullHeight">Height before, pixels.</param>
    /// <param name="fullWidth">Width before.</param>
    /// <param name="height">Height after.</param>
    /// <param name="width">Width after.</param>
    /// <param name="eighths">k.</param>
    public static ImageExtent OfEighths(int fullHeight, int fullWidth, int height, int width, int eighths)
    {
        double exactHeight = fullHeight * eighths / 8.0, exactWidth = fullWidth * eighths / 8.0;
        return (Math.Ceiling(exactHeight), Math.Ceiling(exactWidth)) == (height, width) ? new(exactHeight, exactWidth) : new(height, width);
    }
}
