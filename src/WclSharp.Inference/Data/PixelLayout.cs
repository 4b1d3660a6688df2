namespace WclSharp.Data;

/// <summary>
/// Where pixel (y, x) of an image, as it is encoded, goes in its upright form: <c>Start + y StepY + x StepX</c>.
/// </summary>
/// <param name="Height">Height of the upright image.</param>
/// <param name="Width">Width of the upright image.</param>
/// <param name="Start">Place of the encoded image's first pixel.</param>
/// <param name="StepY">Step from one encoded row to the next.</param>
/// <param name="StepX">Step from one encoded column to the next.</param>
internal readonly record struct PixelLayout(int Height, int Width, int Start, int StepY, int StepX)
{
    /// <summary>The layout for an EXIF orientation, 1 to 8 (EXIF 2.32, tag 0x0112); others mean 1.</summary>
    /// <param name="orientation">What row 0 and column 0 of the encoded image are: 1 top left, 6 right top, and so on.</param>
    /// <param name="height">Height as encoded.</param>
    /// <param name="width">Width as encoded.</param>
    public static PixelLayout For(int orientation, int height, int width)
    {
        int last = height * width - 1;
        return orientation switch
        {
            2 => new(height, width, width - 1, width, -1),                  // mirrored left to right
            3 => new(height, width, last, -width, -1),                      // turned by 180 degrees
            4 => new(height, width, last - (width - 1), -width, 1),         // mirrored top to bottom
            5 => new(width, height, 0, 1, height),                          // transposed
            6 => new(width, height, height - 1, -1, height),                // turn clockwise
            7 => new(width, height, last, -1, -height),                     // transposed over the other diagonal
            8 => new(width, height, last - (height - 1), 1, -height),       // turn anticlockwise
            _ => new(height, width, 0, width, 1),
        };
    }
}
