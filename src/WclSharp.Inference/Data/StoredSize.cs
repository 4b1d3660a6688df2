namespace WclSharp.Data;

/// <summary>The size that an image is stored at: shrunk by its shorter side, then cut to the middle of its longer one.</summary>
/// <param name="Height">Height after shrinking, pixels.</param>
/// <param name="Width">Width after shrinking, pixels.</param>
internal readonly record struct StoredSize(int Height, int Width)
{
    /// <summary>The longer side is kept up to this many times the shorter.</summary>
    public const int MaxAspect = 3;

    /// <summary>Height that is kept.</summary>
    public int KeptHeight => Math.Min(Height, MaxAspect * Width);

    /// <summary>Width that is kept.</summary>
    public int KeptWidth => Math.Min(Width, MaxAspect * Height);

    /// <summary>First row that is kept.</summary>
    public int Top => (Height - KeptHeight) / 2;

    /// <summary>First column that is kept.</summary>
    public int Left => (Width - KeptWidth) / 2;

    /// <summary>Shorter side that images are kept at for crops of a side: room for crops of a small share of the area.</summary>
    /// <remarks>
    /// The margin of <see cref="EvaluationView.ShorterSide"/>, but truncated and not rounded, so a pixel less at some sides: rounding it too would change stored pixels, and with
    /// them the features of images and the fingerprints of runs that there are.
    /// </remarks>
    public static int SideFor(int imageSize) => imageSize <= EvaluationView.LargestSmallImage ? 2 * imageSize : imageSize * 256 / 224;

    /// <summary>The size for an image; never larger than the image is.</summary>
    public static StoredSize For(int height, int width, int storedSide)
    {
        int shorter = Math.Min(height, width);
        if (shorter <= storedSide) return new(height, width);
        double scale = (double)storedSide / shorter;
        return new(Math.Max(storedSide, (int)Math.Round(height * scale)), Math.Max(storedSide, (int)Math.Round(width * scale)));
    }
}
