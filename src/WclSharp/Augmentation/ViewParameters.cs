using WclSharp.Randomness;

namespace WclSharp.Augmentation;

/// <summary>One of the four operations of the colour jitter.</summary>
internal enum JitterOperation
{
    Brightness,
    Contrast,
    Saturation,
    Hue,
}

/// <summary>A crop box in an image.</summary>
/// <param name="Top">Its upper edge, pixels from the image's.</param>
/// <param name="Left">Its left edge, pixels from the image's.</param>
/// <param name="Height">Height, pixels.</param>
/// <param name="Width">Width, pixels.</param>
/// <param name="Image">Height and width of the image, pixels, for a box that may begin and end between pixels; null for one of whole pixels, which alone are seen.</param>
internal readonly record struct CropBox(double Top, double Left, double Height, double Width, (int Height, int Width)? Image = null);

/// <summary>Everything that is random about one view of one image, drawn on the host.</summary>
/// <remarks>
/// Each quantity has its own place in the counter, so that changing one probability of a recipe leaves the other draws
/// as they were. A crop of whole pixels follows torchvision's RandomResizedCrop: up to ten attempts at an integer box of random area
/// and ratio, then a centred box of the nearest allowed ratio. A subpixel crop is drawn once, and cut to the image.
/// </remarks>
internal readonly record struct ViewParameters
{
    private const int CropAttempts = 10;

    // Draws 0 .. 9 are the attempts at a crop.
    private const uint ChoiceDraw = CropAttempts, FactorDraw = CropAttempts + 1, OrderDraw = CropAttempts + 2;

    /// <summary>What the view shows.</summary>
    public required CropBox Crop { get; init; }

    /// <summary>Left and right change places.</summary>
    public required bool Flip { get; init; }

    /// <summary>Top and bottom change places.</summary>
    public required bool VerticalFlip { get; init; }

    /// <summary>Rotations by 90 degrees after the flips, counterclockwise, 0 to 3.</summary>
    public required int QuarterTurns { get; init; }

    public required bool Jitter { get; init; }

    public required bool Grayscale { get; init; }

    public required float BrightnessFactor { get; init; }

    public required float ContrastFactor { get; init; }

    public required float SaturationFactor { get; init; }

    /// <summary>In turns of the colour circle.</summary>
    public required float HueShift { get; init; }

    /// <summary>Which of the 24 orders of the four jitter operations; see <see cref="OperationAt"/>.</summary>
    public required int JitterOrder { get; init; }

    /// <summary>Zero where the view is not blurred.</summary>
    public required float BlurSigmaPixels { get; init; }

    /// <summary>Draws the parameters of one view: a pure function of the generator's seed and its other arguments.</summary>
    public static ViewParameters Draw(CounterRandom random, AugmentationRecipe recipe, int height, int width, int sample, int epoch, int view)
    {
        uint e = (uint)epoch, s = (uint)sample, v = (uint)view;
        var (flip, jitter, grey, blur) = random.Uniforms(e, s, v, ChoiceDraw);
        var (brightness, contrast, saturation, hue) = random.Uniforms(e, s, v, FactorDraw);
        var (order, sigma, verticalFlip, rotation) = random.Uniforms(e, s, v, OrderDraw);
        return new ViewParameters
        {
            Crop = recipe.SubpixelCrops ? DrawSubpixelCrop(random, recipe, height, width, e, s, v) : DrawCrop(random, recipe, height, width, e, s, v),
            Flip = flip < recipe.FlipProbability,
            VerticalFlip = verticalFlip < recipe.VerticalFlipProbability,
            QuarterTurns = rotation < recipe.RotationProbability ? 1 + Math.Min(2, Index(rotation / recipe.RotationProbability, 3)) : 0,
            Jitter = jitter < recipe.JitterProbability,
            Grayscale = grey < recipe.GrayscaleProbability,
            BrightnessFactor = Factor(brightness, recipe.Brightness),
            ContrastFactor = Factor(contrast, recipe.Contrast),
            SaturationFactor = Factor(saturation, recipe.Saturation),
            HueShift = (float)((2 * hue - 1) * recipe.Hue),
            JitterOrder = Index(order, 24),
            BlurSigmaPixels = blur < recipe.BlurProbability
                ? (float)Between(sigma, recipe.BlurSigmaMinPixels, recipe.BlurSigmaMaxPixels)
                : 0,
        };
    }

    /// <summary>The operation at a position, 0 to 3, of an order, 0 to 23 (the order's digits in the factorial number system).</summary>
    public static JitterOperation OperationAt(int order, int position)
    {
        Span<JitterOperation> left = [JitterOperation.Brightness, JitterOperation.Contrast, JitterOperation.Saturation, JitterOperation.Hue];
        for (int remaining = 4, block = 6; ; remaining--)
        {
            int pick = order / block;
            if (position-- == 0) return left[pick];
            left[(pick + 1)..remaining].CopyTo(left[pick..]);
            order %= block;
            block = remaining > 2 ? block / (remaining - 1) : 1;
        }
    }

    /// <summary>The factor, or one for hue, of an operation.</summary>
    public float FactorOf(JitterOperation operation) => operation switch
    {
        JitterOperation.Brightness => BrightnessFactor,
        JitterOperation.Contrast => ContrastFactor,
        JitterOperation.Saturation => SaturationFactor,
        _ => 1,
    };

    private static CropBox DrawCrop(CounterRandom random, AugmentationRecipe recipe, int height, int width, uint epoch, uint sample, uint view)
    {
        double area = (double)height * width, logMin = Math.Log(recipe.RatioMin), logMax = Math.Log(recipe.RatioMax);
        for (uint attempt = 0; attempt < CropAttempts; attempt++)
        {
            var (share, shape, top, left) = random.Uniforms(epoch, sample, view, attempt);
            double target = area * Between(share, recipe.ScaleMin, recipe.ScaleMax);
            double ratio = Math.Exp(Between(shape, logMin, logMax));
            // Halves to even, as Python rounds.
            int w = (int)Math.Round(Math.Sqrt(target * ratio)), h = (int)Math.Round(Math.Sqrt(target / ratio));
            if (w > 0 && h > 0 && w <= width && h <= height)
                return new CropBox(Index(top, height - h + 1), Index(left, width - w + 1), h, w);
        }

        double ratioOfImage = (double)width / height;
        int fallbackWidth = width, fallbackHeight = height;
        if (ratioOfImage < recipe.RatioMin) fallbackHeight = Math.Clamp((int)Math.Round(width / recipe.RatioMin), 1, height);
        else if (ratioOfImage > recipe.RatioMax) fallbackWidth = Math.Clamp((int)Math.Round(height * recipe.RatioMax), 1, width);
        return new CropBox((height - fallbackHeight) / 2, (width - fallbackWidth) / 2, fallbackHeight, fallbackWidth);
    }

    private static CropBox DrawSubpixelCrop(CounterRandom random, AugmentationRecipe recipe, int height, int width, uint epoch, uint sample, uint view)
    {
        var (share, shape, top, left) = random.Uniforms(epoch, sample, view, 0);
        double target = (double)height * width * Between(share, recipe.ScaleMin, recipe.ScaleMax);
        double ratio = Math.Exp(Between(shape, Math.Log(recipe.RatioMin), Math.Log(recipe.RatioMax)));
        double h = Math.Min(height, Math.Sqrt(target / ratio)), w = Math.Min(width, Math.Sqrt(target * ratio));
        return new CropBox(top * (height - h), left * (width - w), h, w, (height, width));
    }

    private static float Factor(float uniform, double strength) => (float)Between(uniform, Math.Max(0, 1 - strength), 1 + strength);

    // In double: in float the largest uniform number times the count may round up to the count.
    private static int Index(double uniform, int count) => (int)(uniform * count);

    private static double Between(double uniform, double low, double high) => low + uniform * (high - low);
}
