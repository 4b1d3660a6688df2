using WclSharp.Data;

namespace WclSharp.Augmentation;

/// <summary>
/// How one random view of an image is made: random resized crop, flips, rotation, colour jitter, greyscale, blur, in this order.
/// Values are checked when they are set: one out of range is a <see cref="WclUsageException"/>. That no range is the wrong way round, <see cref="Validate"/> checks.
/// </summary>
/// <remarks>
/// The two named recipes are those of the literature: <see cref="Weak"/> is MoCo v2's (Chen et al. 2020,
/// arXiv 2003.04297), <see cref="Strong"/> is SimCLR's (Chen et al. 2020, arXiv 2002.05709). WCL warms up on the weak one
/// and trains on the strong one. Defaults of the properties are "no change", so that <c>new AugmentationRecipe()</c> only resizes,
/// after cutting an image longer than 4:3 to that about its middle, as torchvision's RandomResizedCrop does.
/// </remarks>
public sealed record AugmentationRecipe
{
    /// <summary>Largest side, in pixels, that counts as a small image and takes no blur, and subpixel crops, in the named recipes.</summary>
    public const int LargestSmallImage = EvaluationView.LargestSmallImage;

    /// <summary>Smallest share of the image's area that a crop keeps, in (0, 1], by default 1.</summary>
    public double ScaleMin { get; init => field = Check(value, value is > 0 and <= 1, "above 0 and at most 1"); } = 1;

    /// <summary>Largest share of the image's area that a crop keeps, in (0, 1], by default 1.</summary>
    public double ScaleMax { get; init => field = Check(value, value is > 0 and <= 1, "above 0 and at most 1"); } = 1;

    /// <summary>
    /// Whether a crop may begin and end between pixels, where false is torchvision's rule, whole ones. A side longer than the image is then cut to
    /// it, where torchvision's draws again: crops are larger in the mean, and those of small images more varied.
    /// </summary>
    public bool SubpixelCrops { get; init; }

    /// <summary>Smallest ratio of a crop's width to its height, above 0, by default 3/4; the ratio is log-uniform.</summary>
    public double RatioMin { get; init => field = Check(value, value > 0 && double.IsFinite(value), "above 0"); } = 3 / 4.0;

    /// <summary>Largest ratio of a crop's width to its height, above 0, by default 4/3.</summary>
    public double RatioMax { get; init => field = Check(value, value > 0 && double.IsFinite(value), "above 0"); } = 4 / 3.0;

    /// <summary>Probability of a horizontal flip, 0 to 1.</summary>
    public double FlipProbability { get; init => field = Probability(value); }

    /// <summary>Probability of a vertical flip, 0 to 1; 0 in the named recipes. It is for images without an up or down.</summary>
    public double VerticalFlipProbability { get; init => field = Probability(value); }

    /// <summary>Probability of a rotation by 90, 180 or 270 degrees, each as likely, 0 to 1; 0 in the named recipes. With 0.75 the four directions are equally likely. It is for images without an up or down.</summary>
    public double RotationProbability { get; init => field = Probability(value); }

    /// <summary>Brightness strength a, 0 or more: the factor is uniform in [max(0, 1 - a), 1 + a].</summary>
    public double Brightness { get; init => field = Strength(value); }

    /// <summary>Contrast strength, as <see cref="Brightness"/>.</summary>
    public double Contrast { get; init => field = Strength(value); }

    /// <summary>Saturation strength, as <see cref="Brightness"/>.</summary>
    public double Saturation { get; init => field = Strength(value); }

    /// <summary>Hue strength h in turns of the colour circle, 0 to 0.5: the shift is uniform in [-h, h].</summary>
    public double Hue { get; init => field = Check(value, value is >= 0 and <= 0.5, "between 0 and 0.5"); }

    /// <summary>Probability that a view takes the colour jitter (all four operations, in random order), 0 to 1.</summary>
    public double JitterProbability { get; init => field = Probability(value); }

    /// <summary>Probability that a view loses its colour, 0 to 1.</summary>
    public double GrayscaleProbability { get; init => field = Probability(value); }

    /// <summary>Probability that a view is blurred, 0 to 1.</summary>
    public double BlurProbability { get; init => field = Probability(value); }

    /// <summary>Smallest standard deviation of the blur, in pixels of the view, above 0, by default 0.1; it is uniform.</summary>
    public double BlurSigmaMinPixels { get; init => field = Check(value, value > 0 && double.IsFinite(value), "above 0"); } = 0.1;

    /// <summary>Largest standard deviation of the blur, in pixels of the view, above 0, by default 2.</summary>
    public double BlurSigmaMaxPixels { get; init => field = Check(value, value > 0 && double.IsFinite(value), "above 0"); } = 2;

    /// <summary>
    /// MoCo v2's: area 0.2 to 1, jitter (0.4, 0.4, 0.4, 0.1) with probability 0.8, greyscale 0.2, flip 0.5, and blur of 0.1
    /// to 2 pixels with probability 0.5 where the image is larger than <see cref="LargestSmallImage"/>; up to that, crops may lie between pixels.
    /// </summary>
    /// <param name="imageSize">Side of the view in pixels. A blur of 2 pixels would wipe out what a 32-pixel image shows.</param>
    public static AugmentationRecipe Weak(int imageSize) => new()
    {
        ScaleMin = 0.2,
        SubpixelCrops = imageSize <= LargestSmallImage,
        FlipProbability = 0.5,
        Brightness = 0.4,
        Contrast = 0.4,
        Saturation = 0.4,
        Hue = 0.1,
        JitterProbability = 0.8,
        GrayscaleProbability = 0.2,
        BlurProbability = imageSize > LargestSmallImage ? 0.5 : 0,
    };

    /// <summary>SimCLR's: as <see cref="Weak"/>, with area 0.08 to 1 and jitter (0.8, 0.8, 0.8, 0.2).</summary>
    /// <param name="imageSize">Side of the view in pixels; no blur up to <see cref="LargestSmallImage"/>.</param>
    public static AugmentationRecipe Strong(int imageSize) => Weak(imageSize) with
    {
        ScaleMin = 0.08,
        Brightness = 0.8,
        Contrast = 0.8,
        Saturation = 0.8,
        Hue = 0.2,
    };

    /// <summary>What classifiers are trained on: area 0.3 to 1, flip 0.5, colours as they are.</summary>
    internal static AugmentationRecipe CropAndFlip { get; } = new() { ScaleMin = 0.3, FlipProbability = 0.5 };

    /// <summary>Checks what single values cannot show: that each range's lower end is not above its upper end.</summary>
    /// <returns>The recipe itself.</returns>
    /// <exception cref="WclUsageException">A range is the wrong way round.</exception>
    public AugmentationRecipe Validate()
    {
        Order(ScaleMin, ScaleMax, nameof(ScaleMin), nameof(ScaleMax));
        Order(RatioMin, RatioMax, nameof(RatioMin), nameof(RatioMax));
        Order(BlurSigmaMinPixels, BlurSigmaMaxPixels, nameof(BlurSigmaMinPixels), nameof(BlurSigmaMaxPixels));
        return this;
    }

    private static void Order(double low, double high, string lowName, string highName)
    {
        if (low > high) throw new WclUsageException(FormattableString.Invariant($"Augmentation: {lowName} {low} is above {highName} {high}; swap them."));
    }

    private static double Probability(double value, [System.Runtime.CompilerServices.CallerMemberName] string name = "") =>
        Check(value, value is >= 0 and <= 1, "between 0 and 1", name);

    private static double Strength(double value, [System.Runtime.CompilerServices.CallerMemberName] string name = "") =>
        Check(value, value >= 0 && double.IsFinite(value), "0 or more", name);

    private static double Check(double value, bool valid, string rule, [System.Runtime.CompilerServices.CallerMemberName] string name = "") =>
        valid ? value : throw new WclUsageException(FormattableString.Invariant($"Augmentation: {name} is {value}; it has to be {rule}."));
}
