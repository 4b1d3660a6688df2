using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

public class LocalCropsTests
{
    [Theory]
    [InlineData(8, 8, 0.1, 0.4)]
    [InlineData(28, 16, 0.1, 0.4)]
    [InlineData(32, 16, 0.1, 0.4)]
    [InlineData(64, 32, 0.092, 0.367)]
    [InlineData(128, 56, 0.075, 0.3)]
    [InlineData(224, 96, 0.05, 0.2)]
    [InlineData(448, 192, 0.05, 0.2)]
    public void For_AnySide_IsThePapersAt224AndAHalfAt32(int imageSize, int size, double scaleMin, double scaleMax) =>
        Assert.Equal(new LocalCrops(size, scaleMin, scaleMax), LocalCrops.For(imageSize));

    [Fact]
    public void For_EverySide_GrowsWithItAndStaysBelow()
    {
        int before = 8;
        for (int imageSize = 8; imageSize <= 1024; imageSize++)
        {
            int size = LocalCrops.For(imageSize).SizePixels;
            Assert.InRange(size, before, imageSize);
            before = size;
        }
    }

    [Fact]
    public void Recipe_OfLocalCrops_HasTheirAreaAndNoBlurWhereSmall()
    {
        var strong = AugmentationRecipe.Strong(224);
        Assert.Equal(strong with { ScaleMin = 0.05, ScaleMax = 0.2 }, LocalCrops.For(224).Recipe(strong));
        Assert.Equal(0.5, LocalCrops.For(224).Recipe(strong with { VerticalFlipProbability = 0.5 }).VerticalFlipProbability);
        Assert.Equal(0.75, LocalCrops.For(224).Recipe(strong with { RotationProbability = 0.75 }).RotationProbability);
        Assert.Equal(strong with { ScaleMin = 0.075, ScaleMax = 0.3, BlurProbability = 0 }, LocalCrops.For(128).Recipe(strong));
    }

    [Fact]
    public void Views_OfLocalCrops_ShareNoRandomNumbersWithTheGlobalOnesOrOneAnother()
    {
        var random = new CounterRandom(1, RandomPurpose.Augmentation);
        var recipe = LocalCrops.For(32).Recipe(AugmentationRecipe.Strong(32));
        int[] views = [0, 1, .. Enumerable.Range(0, 4).Select(LocalCrops.ViewOf)];
        Assert.Equal([0, 1, 2, 3, 4, 5], views);
        Assert.Equal(views.Length, views.Select(view => ViewParameters.Draw(random, recipe, 32, 32, 7, 0, view)).Distinct().Count());
        Assert.All(views, view =>
        {
            var crop = ViewParameters.Draw(random, recipe, 320, 320, 7, 0, view).Crop;
            Assert.InRange(crop.Height * crop.Width / (320.0 * 320), 0.1, 0.4);
        });
    }

    [Fact]
    public void Crops_OfOtherImages_AreTheirPixelsWithTheAnchorsRandomNumbers()
    {
        using var scope = NewDisposeScope();
        using var data = ImageDataset.Read(new DatasetOptions { Limit = 40, Seed = 3 });
        using var loader = new BatchLoader(data, 8, seed: 0, workers: 1);
        int[] anchors = [4, 9, 30], sources = [17, 17, 2];
        using var batch = loader.Assemble(sources);
        Assert.Equal(sources, batch.Indices);
        var local = LocalCrops.For(28);
        var augmenter = new Augmenter(local.SizePixels, Normalization.FashionMnist, 5, CPU);
        var recipe = local.Recipe(AugmentationRecipe.Weak(28));
        using var images = ImageTensor.Of(batch, CPU);
        var crops = augmenter.Augment(images, anchors, 3, LocalCrops.ViewOf(1), recipe);
        Assert.Equal([3, 3, 16, 16], crops.shape);
        Assert.True(Views.Difference(crops[0], crops[1]) > 0.01); // one source, two anchors: two crops

        using var single = loader.Assemble([2]);
        using var image = ImageTensor.Of(single, CPU);
        var alone = augmenter.Augment(image, [30], 3, LocalCrops.ViewOf(1), recipe);
        Assert.True(Views.Difference(alone[0], crops[2]) < 1e-5);
    }
}
