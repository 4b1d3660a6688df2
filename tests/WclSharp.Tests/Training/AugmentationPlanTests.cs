using WclSharp.Augmentation;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

public sealed class AugmentationPlanTests
{
    [Theory]
    [InlineData(32)]
    [InlineData(224)]
    public void Of_NothingGiven_IsTheLiteraturesRecipes(int imageSize)
    {
        var plan = AugmentationPlan.Of(new PretrainOptions { ImageSize = imageSize, Augmentation = AugmentationSchedule.Paper });

        Assert.Equal((AugmentationRecipe.Weak(imageSize), AugmentationRecipe.Strong(imageSize)), (plan.Warmup, plan.After));
    }

    [Fact]
    public void Of_WeakSchedule_IsWeakThroughout()
    {
        var plan = AugmentationPlan.Of(new PretrainOptions { ImageSize = 32, Augmentation = AugmentationSchedule.Weak, Jitter = 2 });

        Assert.Equal(plan.Warmup, plan.After);
        Assert.Equal(0.8, plan.After.Brightness, 12);
    }

    [Fact]
    public void Of_GivenValues_AreInBothRecipes()
    {
        var plan = AugmentationPlan.Of(new PretrainOptions
        {
            ImageSize = 32,
            Augmentation = AugmentationSchedule.Paper,
            CropMin = 0.3,
            Jitter = 0.5,
            Flip = 0,
            VerticalFlip = 0.5,
            Rotation = 0.75,
            Grayscale = 0.1,
            Blur = 0.25,
        });

        foreach (var recipe in new[] { plan.Warmup, plan.After })
            Assert.Equal((0.3, 0, 0.5, 0.75, 0.1, 0.25), (recipe.ScaleMin, recipe.FlipProbability, recipe.VerticalFlipProbability, recipe.RotationProbability, recipe.GrayscaleProbability, recipe.BlurProbability));
        Assert.Equal((0.2, 0.2, 0.2, 0.05), (plan.Warmup.Brightness, plan.Warmup.Contrast, plan.Warmup.Saturation, plan.Warmup.Hue));
        Assert.Equal((0.4, 0.4, 0.4, 0.1), (plan.After.Brightness, plan.After.Contrast, plan.After.Saturation, plan.After.Hue));
    }

    [Fact]
    public void Of_VeryStrongJitter_KeepsTheHueWithinHalfATurn()
    {
        var plan = AugmentationPlan.Of(new PretrainOptions { ImageSize = 32, Augmentation = AugmentationSchedule.Paper, Jitter = 10 });

        Assert.Equal((0.5, 8), (plan.After.Hue, plan.After.Brightness));
    }
}
