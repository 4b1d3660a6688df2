using WclSharp.Augmentation;
using WclSharp.Randomness;

namespace WclSharp.Tests.Augmentation;

/// <summary>Distributions of the drawn parameters, over 20,000 samples of a fixed seed; bounds are at least four standard errors wide.</summary>
public class ViewParametersTests
{
    private const int Count = 20_000;
    private static readonly CounterRandom Random = new(7, RandomPurpose.Augmentation);

    [Fact]
    public void Draw_CropsOfALargeImage_AreUniformInAreaAndLogUniformInRatio()
    {
        // A square of 2,000 pixels, where rounding to whole pixels does not matter. Boxes that do not fit are redrawn, which bends
        // both distributions, so that areas stay small enough to fit at any ratio: 0.7 * 4 / 3 < 1.
        var recipe = new AugmentationRecipe { ScaleMin = 0.1, ScaleMax = 0.7 };
        var views = Draw(recipe, 2000, 2000);
        var areas = views.Select(view => view.Crop.Height * view.Crop.Width / 4e6);
        var ratios = views.Select(view => Math.Log(view.Crop.Width / view.Crop.Height));
        AssertUniform(areas, 0.1, 0.7, slack: 0.002);
        AssertUniform(ratios, Math.Log(3 / 4.0), Math.Log(4 / 3.0), slack: 0.003);
        AssertUniform(views.Select(view => view.Crop.Top / (2000 - view.Crop.Height)), 0, 1, slack: 0.002);
        AssertUniform(views.Select(view => view.Crop.Left / (2000 - view.Crop.Width)), 0, 1, slack: 0.002);
    }

    [Theory]
    [InlineData(32, 32)]
    [InlineData(1, 1)]
    [InlineData(3, 200)]
    [InlineData(200, 3)]
    public void Draw_AnyImage_GivesCropsInsideIt(int height, int width)
    {
        foreach (var view in Draw(AugmentationRecipe.Strong(224), height, width))
        {
            var box = view.Crop;
            Assert.True(box.Height >= 1 && box.Width >= 1 && box.Top >= 0 && box.Left >= 0, $"{box}");
            Assert.True(box.Top + box.Height <= height && box.Left + box.Width <= width, $"{box}");
        }
    }

    [Theory]
    [InlineData(100, 1000, 0, 433, 100, 133)] // too wide: cut to 4:3
    [InlineData(1000, 100, 433, 0, 133, 100)] // too tall: cut to 3:4
    public void Draw_NoBoxFits_TakesTheMiddleAtTheNearestRatio(int height, int width, int top, int left, int cropHeight, int cropWidth)
    {
        // Nearly all of a 10:1 image at a ratio below 4:3 never fits.
        var recipe = new AugmentationRecipe { ScaleMin = 0.9, ScaleMax = 1 };
        foreach (var view in Draw(recipe, height, width, 50)) Assert.Equal(new CropBox(top, left, cropHeight, cropWidth), view.Crop);
    }

    [Fact]
    public void Draw_FullScaleAndSquareRatio_TakesTheWholeImage()
    {
        var recipe = new AugmentationRecipe { RatioMin = 1, RatioMax = 1 };
        foreach (var view in Draw(recipe, 32, 32, 100)) Assert.Equal(new CropBox(0, 0, 32, 32), view.Crop);
    }

    [Fact]
    public void Draw_SubpixelCropsThatFit_AreUniformInAreaAndPlaceAndLogUniformInRatio()
    {
        // Of 32 pixels, where whole ones would show.
        var views = Draw(new AugmentationRecipe { SubpixelCrops = true, ScaleMin = 0.1, ScaleMax = 0.7 }, 32, 32).Select(view => view.Crop).ToArray();
        AssertUniform(views.Select(box => box.Height * box.Width / 1024), 0.1, 0.7, slack: 0);
        AssertUniform(views.Select(box => Math.Log(box.Width / box.Height)), Math.Log(3 / 4.0), Math.Log(4 / 3.0), slack: 0);
        AssertUniform(views.Select(box => box.Top / (32 - box.Height)), 0, 1, slack: 0);
        AssertUniform(views.Select(box => box.Left / (32 - box.Width)), 0, 1, slack: 0);
        Assert.All(views, box => Assert.Equal((32, 32), box.Image));
    }

    [Fact]
    public void Draw_SubpixelCropsThatDoNotFit_AreCutToTheImage()
    {
        var recipe = new AugmentationRecipe { SubpixelCrops = true, ScaleMin = 0.9, ScaleMax = 1 };
        var boxes = Draw(recipe, 30, 40, 1000).Select(view => view.Crop).ToArray();
        // Areas of 1080 to 1200 at ratios of 3/4 to 4/3: the height fits only where the ratio is above 1.2, the width everywhere.
        Assert.InRange(boxes.Count(box => box.Height == 30) / 1000.0, 0.7, 0.95);
        Assert.All(boxes, box => Assert.True(box is { Top: >= 0, Left: >= 0 } && box.Top + box.Height <= 30 + 1e-9 && box.Left + box.Width <= 40 + 1e-9, $"{box}"));
        Assert.All(boxes, box => Assert.InRange(box.Width, 28.4, 40));
    }

    [Theory]
    [InlineData(32, true)]
    [InlineData(64, true)]
    [InlineData(65, false)]
    [InlineData(224, false)]
    public void NamedRecipes_UpToSmallImages_TakeSubpixelCrops(int size, bool subpixel)
    {
        Assert.Equal(subpixel, AugmentationRecipe.Weak(size).SubpixelCrops);
        Assert.Equal(subpixel, AugmentationRecipe.Strong(size).SubpixelCrops);
    }

    [Fact]
    public void Draw_StrongRecipe_MeetsProbabilitiesAndRanges()
    {
        var views = Draw(AugmentationRecipe.Strong(224), 224, 224);
        AssertShare(0.5, views.Count(view => view.Flip));
        AssertShare(0.8, views.Count(view => view.Jitter));
        AssertShare(0.2, views.Count(view => view.Grayscale));
        AssertShare(0.5, views.Count(view => view.BlurSigmaPixels > 0));
        AssertShare(0.4, views.Count(view => view.Flip && view.Jitter)); // independent
        AssertShare(0.04, views.Count(view => view.Grayscale && view.Jitter && view.BlurSigmaPixels > 0 && view.Flip));
        AssertUniform(views.Select(view => (double)view.BrightnessFactor), 0.2, 1.8, 0);
        AssertUniform(views.Select(view => (double)view.ContrastFactor), 0.2, 1.8, 0);
        AssertUniform(views.Select(view => (double)view.SaturationFactor), 0.2, 1.8, 0);
        AssertUniform(views.Select(view => (double)view.HueShift), -0.2, 0.2, 0);
        AssertUniform(views.Where(view => view.BlurSigmaPixels > 0).Select(view => (double)view.BlurSigmaPixels), 0.1, 2, 0);
    }

    [Fact]
    public void Draw_VerticalFlips_MeetTheirProbability_IndependentOfWhatElseIsDrawn()
    {
        var views = Draw(AugmentationRecipe.Strong(224) with { VerticalFlipProbability = 0.3 }, 224, 224);
        var flipped = views.Where(view => view.VerticalFlip).ToArray();
        AssertShare(0.3, flipped.Length);
        AssertShare(0.15, flipped.Count(view => view.Flip));
        AssertShare(0.24, flipped.Count(view => view.Jitter));
        AssertShare(0.06, flipped.Count(view => view.Grayscale));
        AssertShare(0.15, flipped.Count(view => view.BlurSigmaPixels > 0));
        AssertUniform(flipped.Where(view => view.BlurSigmaPixels > 0).Select(view => (double)view.BlurSigmaPixels), 0.1, 2, 0);
        AssertUniform(flipped.Select(view => (view.JitterOrder + 0.5) / 24), 0, 1, slack: 0.03); // 24 orders in ten tenths
        AssertUniform(flipped.Select(view => (double)view.BrightnessFactor), 0.2, 1.8, 0);
    }

    [Fact]
    public void Draw_VerticalFlip_IsAFunctionOfSeedEpochSampleAndView()
    {
        var recipe = new AugmentationRecipe { VerticalFlipProbability = 0.5 };
        bool[] Flips(long seed, int epoch, int view, int first) =>
            [.. Enumerable.Range(first, 1000).Select(sample => ViewParameters.Draw(new CounterRandom(seed, RandomPurpose.Augmentation), recipe, 32, 32, sample, epoch, view).VerticalFlip)];
        bool[] flips = Flips(7, 2, 1, 0);
        Assert.Equal(flips, Flips(7, 2, 1, 0));
        foreach (bool[] others in (bool[][])[Flips(8, 2, 1, 0), Flips(7, 3, 1, 0), Flips(7, 2, 0, 0), Flips(7, 2, 1, 1)])
            Assert.InRange(flips.Zip(others).Count(pair => pair.First == pair.Second), 429, 571); // half, to 4.5 standard errors
    }

    [Fact]
    public void Draw_VerticalFlips_LeaveTheOtherDraws()
    {
        foreach (var recipe in (AugmentationRecipe[])[AugmentationRecipe.Strong(224), AugmentationRecipe.Weak(32)])
            for (int sample = 0; sample < 100; sample++)
            {
                var without = ViewParameters.Draw(Random, recipe, 100, 120, sample, 3, 1);
                Assert.False(without.VerticalFlip);
                Assert.Equal(without with { VerticalFlip = true }, ViewParameters.Draw(Random, recipe with { VerticalFlipProbability = 1 }, 100, 120, sample, 3, 1));
            }
    }

    [Theory]
    [InlineData(0.75)]
    [InlineData(0.3)]
    [InlineData(1)]
    public void Draw_Rotations_MeetTheirProbability_EachAngleAsLikely_IndependentOfWhatElseIsDrawn(double probability)
    {
        var views = Draw(AugmentationRecipe.Strong(224) with { RotationProbability = probability, VerticalFlipProbability = 0.5 }, 224, 224);
        AssertShare(1 - probability, views.Count(view => view.QuarterTurns == 0));
        foreach (int turns in (int[])[1, 2, 3])
        {
            var turned = views.Where(view => view.QuarterTurns == turns).ToArray();
            AssertShare(probability / 3, turned.Length);
            AssertShare(probability / 6, turned.Count(view => view.Flip));
            AssertShare(probability / 6, turned.Count(view => view.VerticalFlip));
            AssertShare(probability / 6, turned.Count(view => view.BlurSigmaPixels > 0));
        }
    }

    [Fact]
    public void Draw_Rotations_LeaveTheOtherDraws()
    {
        foreach (var recipe in (AugmentationRecipe[])[AugmentationRecipe.Strong(224), AugmentationRecipe.Weak(32)])
            for (int sample = 0; sample < 100; sample++)
            {
                var without = ViewParameters.Draw(Random, recipe, 100, 120, sample, 3, 1);
                Assert.Equal(0, without.QuarterTurns);
                var with = ViewParameters.Draw(Random, recipe with { RotationProbability = 1 }, 100, 120, sample, 3, 1);
                Assert.InRange(with.QuarterTurns, 1, 3);
                Assert.Equal(without, with with { QuarterTurns = 0 });
            }
    }

    [Fact]
    public void Draw_StrengthAboveOne_KeepsFactorsPositive()
    {
        var views = Draw(new AugmentationRecipe { Brightness = 1.5 }, 8, 8);
        AssertUniform(views.Select(view => (double)view.BrightnessFactor), 0, 2.5, 0);
    }

    [Fact]
    public void Draw_JitterOrders_AreEquallyFrequent()
    {
        var counts = new int[24];
        foreach (var view in Draw(AugmentationRecipe.Strong(32), 32, 32)) counts[view.JitterOrder]++;
        double expected = Count / 24.0;
        double chiSquared = counts.Sum(count => (count - expected) * (count - expected) / expected);
        Assert.InRange(chiSquared, 5, 60); // 23 degrees of freedom: mean 23, standard deviation 6.8
    }

    [Fact]
    public void OperationAt_TwentyFourOrders_AreThePermutations()
    {
        var orders = new HashSet<string>();
        for (int order = 0; order < 24; order++)
        {
            var operations = Enumerable.Range(0, 4).Select(place => ViewParameters.OperationAt(order, place)).ToArray();
            Assert.Equal(4, operations.Distinct().Count());
            orders.Add(string.Join(",", operations));
        }
        Assert.Equal(24, orders.Count);
    }

    [Fact]
    public void Draw_OneProbabilityChanged_LeavesTheOtherDraws()
    {
        var recipe = AugmentationRecipe.Weak(224);
        for (int sample = 0; sample < 100; sample++)
        {
            var with = ViewParameters.Draw(Random, recipe, 100, 120, sample, 3, 1);
            var without = ViewParameters.Draw(Random, recipe with { BlurProbability = 0 }, 100, 120, sample, 3, 1);
            Assert.Equal(with with { BlurSigmaPixels = 0 }, without);
        }
    }

    private static ViewParameters[] Draw(AugmentationRecipe recipe, int height, int width, int count = Count) =>
        [.. Enumerable.Range(0, count).Select(sample => ViewParameters.Draw(Random, recipe, height, width, sample, epoch: 2, view: 1))];

    /// <summary>Mean and variance of a uniform distribution, all values inside, and each tenth equally full.</summary>
    private static void AssertUniform(IEnumerable<double> values, double low, double high, double slack)
    {
        var scaled = values.Select(value => (value - low) / (high - low)).ToArray();
        double width = 4.5 / Math.Sqrt(scaled.Length);
        Assert.All(scaled, value => Assert.InRange(value, -slack - 1e-6, 1 + slack + 1e-6));
        Assert.InRange(scaled.Average(), 0.5 - 0.289 * width, 0.5 + 0.289 * width);
        for (int tenth = 0; tenth < 10; tenth++)
        {
            double share = scaled.Count(value => (int)(Math.Clamp(value, 0, 0.9999) * 10) == tenth) / (double)scaled.Length;
            Assert.InRange(share, 0.1 - 0.3 * width - slack, 0.1 + 0.3 * width + slack);
        }
    }

    private static void AssertShare(double probability, int hits)
    {
        double error = 4.5 * Math.Sqrt(probability * (1 - probability) / Count);
        Assert.InRange(hits / (double)Count, probability - error, probability + error);
    }
}
