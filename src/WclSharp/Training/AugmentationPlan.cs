using WclSharp.Augmentation;

namespace WclSharp.Training;

/// <summary>How a run makes its views: during the warm-up epochs, and after them.</summary>
/// <param name="Warmup">The recipe of the warm-up.</param>
/// <param name="After">The recipe after it.</param>
internal sealed record AugmentationPlan(AugmentationRecipe Warmup, AugmentationRecipe After)
{
    private const double LargestHue = 0.5; // half a turn either way is every colour

    /// <summary>The plan of resolved options: the literature's recipes, with what the options change in both.</summary>
    public static AugmentationPlan Of(PretrainOptions options)
    {
        int imageSize = options.ImageSize!.Value;
        var weak = Changed(AugmentationRecipe.Weak(imageSize), options);
        return options.Augmentation == AugmentationSchedule.Weak
            ? new(weak, weak)
            : new(weak, Changed(AugmentationRecipe.Strong(imageSize), options));
    }

    private static AugmentationRecipe Changed(AugmentationRecipe recipe, PretrainOptions options)
    {
        double jitter = options.Jitter ?? 1;
        return recipe with
        {
            ScaleMin = options.CropMin ?? recipe.ScaleMin,
            SubpixelCrops = options.Crops is { } placement ? placement == CropPlacement.Subpixel : recipe.SubpixelCrops,
            Brightness = recipe.Brightness * jitter,
            Contrast = recipe.Contrast * jitter,
            Saturation = recipe.Saturation * jitter,
            Hue = Math.Min(recipe.Hue * jitter, LargestHue),
            FlipProbability = options.Flip,
            VerticalFlipProbability = options.VerticalFlip,
            RotationProbability = options.Rotation,
            GrayscaleProbability = options.Grayscale,
            BlurProbability = options.Blur ?? recipe.BlurProbability,
        };
    }
}
