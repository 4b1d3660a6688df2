using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Tests.Augmentation;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

public class LocalViewsTests
{
    /// <param name="batches">Batches' worth of other images that may be put together.</param>
    /// <param name="together">How many crops' worth are, each time.</param>
    [Theory]
    [InlineData(2, new[] { 2, 1 })] // of three crops from others
    [InlineData(0.5, new[] { 1, 1, 1 })]
    [InlineData(9, new[] { 3 })]
    public void Make_OwnCropsAndThoseOfOthers_TogetherOrNot_AreEachCropByItself(double batches, int[] together)
    {
        using var scope = NewDisposeScope();
        using var data = ImageDataset.Read(new DatasetOptions { Limit = 40, Seed = 3 });
        var options = Presets.Resolve(SmallRun.Options with { MultiCrop = MultiCrop.Knn, LocalCrops = 5, Seed = 7 }, new DataFacts(40, 28, Embedded: true)).Options;
        int[] images = [.. Enumerable.Range(5, 8)];
        int[]?[] sources = [null, null, [.. images.Select(i => i + 9)], [.. images.Select(i => i + 20)], [.. images.Select(i => 39 - i)]];
        using var batch = Assemble(images);
        var pixels = ImageTensor.Of(batch, CPU);
        var recipe = AugmentationRecipe.Strong(16);
        List<int> assembled = [];

        var local = new LocalViews(options, Normalization.FashionMnist, CPU, (long)(batches * batch.ByteCount));
        var found = local.Make(batch, pixels, 3, recipe, crop => sources[crop], others =>
        {
            assembled.Add(others.Length / images.Length);
            return Assemble(others);
        });

        Assert.Equal(together, assembled);
        var crops = new LocalCrops(options.LocalSize!.Value, options.LocalScaleMin!.Value, options.LocalScaleMax!.Value);
        var augmenter = new Augmenter(crops.SizePixels, Normalization.FashionMnist, options.Seed, CPU);
        Assert.Equal([5 * images.Length, 3, crops.SizePixels, crops.SizePixels], found.shape);
        for (int crop = 0; crop < sources.Length; crop++)
        {
            using var from = Assemble(sources[crop] ?? images);
            var alone = augmenter.Augment(ImageTensor.Of(from, CPU), images, 3, LocalCrops.ViewOf(crop), crops.Recipe(recipe));
            Assert.True(Views.Difference(alone, found.narrow(0, crop * images.Length, images.Length)) < 1e-5, $"crop {crop}");
        }

        ImageBatch Assemble(int[] which) => ImageBatch.Assemble(data, which, bytes => new byte[bytes], null);
    }
}
