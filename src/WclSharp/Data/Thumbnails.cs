namespace WclSharp.Data;

/// <summary>Small grey versions of images, by which copies are told from images that only show the same kind of thing.</summary>
/// <param name="images">The images.</param>
internal sealed class Thumbnails(ImageDataset images)
{
    /// <summary>Difference up to which two images may be copies of one another, of 255.</summary>
    public const double MostOfCopies = 6;

    private const int Side = 16, MostKept = 1 << 16; // 64 MiB
    private readonly Dictionary<int, float[]> made = [];

    /// <summary>Mean absolute difference of two images' thumbnails, 0 to 255. Sizes do not matter; a copy that was resized or compressed anew differs by a few.</summary>
    public double Difference(int a, int b) => Difference(a, this, b);

    /// <summary>The same of an image of this set and one of another.</summary>
    public double Difference(int row, Thumbnails others, int other) => Of(row).Zip(others.Of(other), (x, y) => Math.Abs((double)x - y)).Average();

    /// <summary>How much of an image there is to see: mean absolute difference of its thumbnail from the thumbnail's mean, 0 to 127.5.</summary>
    public double Contrast(int row)
    {
        float[] cells = Of(row);
        double mean = cells.Average();
        return cells.Average(cell => Math.Abs(cell - mean));
    }

    /// <summary>[16, 16], means of the pixels that fall into each cell, channels averaged.</summary>
    private float[] Of(int row)
    {
        if (made.TryGetValue(row, out float[]? known)) return known;
        var (height, width) = images.SizeOf(row);
        var pixels = images.PixelsOf(row);
        var result = new float[Side * Side];
        for (int cell = 0; cell < result.Length; cell++)
        {
            var (top, bottom) = Range(cell / Side, height);
            var (left, right) = Range(cell % Side, width);
            long sum = 0;
            for (int channel = 0; channel < images.Channels; channel++)
                for (int y = top; y < bottom; y++)
                    for (int x = left; x < right; x++) sum += pixels[(channel * height + y) * width + x];
            result[cell] = sum / (float)(images.Channels * (bottom - top) * (right - left));
        }

        if (made.Count == MostKept) made.Clear();
        return made[row] = result;
    }

    private static (int First, int End) Range(int cell, int length)
    {
        int first = Math.Min(cell * length / Side, length - 1);
        return (first, Math.Max(first + 1, (cell + 1) * length / Side));
    }
}
