using WclSharp.Augmentation;

namespace WclSharp.Tests.Augmentation;

public class AugmentationRecipeTests
{
    [Fact]
    public void Weak_IsMoCoV2_AndStrongIsSimClr()
    {
        var weak = AugmentationRecipe.Weak(224);
        Assert.Equal((0.2, 1, 0.5, 0.8, 0.2, 0.5), (weak.ScaleMin, weak.ScaleMax, weak.FlipProbability, weak.JitterProbability, weak.GrayscaleProbability, weak.BlurProbability));
        Assert.Equal((0.4, 0.4, 0.4, 0.1), (weak.Brightness, weak.Contrast, weak.Saturation, weak.Hue));
        Assert.Equal((0.1, 2), (weak.BlurSigmaMinPixels, weak.BlurSigmaMaxPixels));
        var strong = AugmentationRecipe.Strong(224);
        Assert.Equal((0.08, 0.8, 0.8, 0.8, 0.2), (strong.ScaleMin, strong.Brightness, strong.Contrast, strong.Saturation, strong.Hue));
        Assert.Equal(0.5, strong.BlurProbability);
        Assert.Equal(0, AugmentationRecipe.Strong(32).BlurProbability);
        Assert.Equal((0, 0), (weak.VerticalFlipProbability, strong.VerticalFlipProbability));
        Assert.Equal((0, 0), (weak.RotationProbability, strong.RotationProbability));
    }

    [Fact]
    public void CropAndFlip_HasNothingElse() =>
        Assert.Equal(new AugmentationRecipe { ScaleMin = 0.3, ScaleMax = 1, RatioMin = 3 / 4.0, RatioMax = 4 / 3.0, FlipProbability = 0.5 }, AugmentationRecipe.CropAndFlip);

    [Fact]
    public void Init_ValueOutOfRange_NamesPropertyAndValue()
    {
        Assert.Contains("FlipProbability is 1.5", Assert.Throws<WclUsageException>(() => new AugmentationRecipe { FlipProbability = 1.5 }).Message);
        Assert.Equal("Augmentation: VerticalFlipProbability is -0.5; it has to be between 0 and 1.", Assert.Throws<WclUsageException>(() => new AugmentationRecipe { VerticalFlipProbability = -0.5 }).Message);
        Assert.Throws<WclUsageException>(() => new AugmentationRecipe { VerticalFlipProbability = double.NaN });
        Assert.Contains("Hue is 0.6", Assert.Throws<WclUsageException>(() => AugmentationRecipe.Weak(32) with { Hue = 0.6 }).Message);
        Assert.Contains("ScaleMin is 0", Assert.Throws<WclUsageException>(() => new AugmentationRecipe { ScaleMin = 0 }).Message);
        Assert.Throws<WclUsageException>(() => new AugmentationRecipe { Brightness = double.NaN });
        Assert.Throws<WclUsageException>(() => new AugmentationRecipe { RatioMin = -1 });
        Assert.Throws<WclUsageException>(() => new AugmentationRecipe { BlurSigmaMinPixels = 0 });
    }

    [Fact]
    public void Validate_RangeTheWrongWayRound_SaysSo() =>
        Assert.Contains("ScaleMin 0.9 is above ScaleMax 0.5", Assert.Throws<WclUsageException>(() => new AugmentationRecipe { ScaleMin = 0.9, ScaleMax = 0.5 }.Validate()).Message);
}
