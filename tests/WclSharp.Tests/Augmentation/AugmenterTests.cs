using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Randomness;
using WclSharp.Tests.Data;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

public class AugmenterTests
{
    private static readonly AugmentationRecipe WithBlur = AugmentationRecipe.Strong(32) with { BlurProbability = 0.5 };

    [Theory]
    [InlineData(3, 32, 32, 32)]
    [InlineData(1, 28, 28, 28)]
    [InlineData(3, 90, 70, 96)] // larger than one chunk of the CPU
    public void Augment_BatchSplitOrReordered_GivesTheSameViews(int channels, int height, int width, int size)
    {
        using var scope = NewDisposeScope();
        const int count = 70;
        var images = Views.Images(count, channels, height, width);
        var augmenter = new Augmenter(size, Normalization.Cifar10, 5, CPU);
        var together = Views.Augment(augmenter, images, WithBlur, epoch: 3, view: 1);

        int[] order = [.. Enumerable.Range(0, count).Select(i => i * 31 % count)];
        var reordered = images.index_select(0, tensor(order.Select(i => (long)i).ToArray()));
        for (int from = 0, length = 1; from < count; from += length, length = Math.Min(length * 2 + 1, count - from))
        {
            var part = augmenter.Augment(
                reordered.narrow(0, from, length), Views.Repeat(height, length), Views.Repeat(width, length), order.AsSpan(from, length), 3, 1, WithBlur);
            for (int i = 0; i < length; i++)
                Assert.True(Views.Difference(part[i], together[order[from + i]]) < 1e-5, $"Sample {order[from + i]} in a batch of {length}"); // float32 in units of about four standard deviations
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // each view of other images
    public void Augment_SeveralViewsAtOnce_GivesWhatEachGivesByItself(bool sameImages)
    {
        using var scope = NewDisposeScope();
        const int Count = 20;
        int[] samples = [.. Enumerable.Range(7, Count)], views = [1, 5, 0];
        var all = Views.Images(sameImages ? Count : views.Length * Count, 3, 40, 30);
        var augmenter = new Augmenter(24, Normalization.Cifar10, 5, CPU);
        ImageTensor Grid(Tensor images) => ImageTensor.Padded(images, Views.Repeat(40, images.size(0)), Views.Repeat(30, images.size(0)));

        var together = augmenter.Augment(Grid(all), samples, 2, views, WithBlur);
        Assert.Equal([views.Length * Count, 3, 24, 24], together.shape);
        for (int v = 0; v < views.Length; v++)
        {
            var alone = augmenter.Augment(Grid(sameImages ? all : all.narrow(0, v * Count, Count)), samples, 2, views[v], WithBlur);
            Assert.True(Views.Difference(alone, together.narrow(0, v * Count, Count)) < 1e-5);
        }
        Assert.Throws<WclUsageException>(() => augmenter.Augment(Grid(all), samples[1..], 2, views, WithBlur));
    }

    [Theory]
    [InlineData(40, 32)]  // subpixel crops
    [InlineData(90, 72)]  // of whole pixels, with blur
    public void Augment_VerticalFlipOfAll_GivesTheViewsUpsideDown_LocalCropsToo(int side, int size)
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(40, 3, side, side + 7);
        var local = LocalCrops.For(size);
        foreach (var (viewSize, recipe) in ((int, AugmentationRecipe)[])[(size, AugmentationRecipe.Strong(size)), (local.SizePixels, local.Recipe(AugmentationRecipe.Strong(size)))])
        {
            var augmenter = new Augmenter(viewSize, Views.Plain, 5, CPU);
            var upright = Views.Augment(augmenter, images, recipe, epoch: 1, view: 3);
            // What places that are rounded to float32 make of pixels, colours stretch.
            Assert.True(Views.Difference(Views.Augment(augmenter, images, recipe with { VerticalFlipProbability = 1 }, epoch: 1, view: 3), upright.flip(2)) < 1e-4);
            Assert.Equal(0, Views.Difference(Views.Augment(augmenter, images, recipe with { VerticalFlipProbability = 0 }, epoch: 1, view: 3), upright));
        }
    }

    [Theory]
    [InlineData(40, 32, 3)]  // subpixel crops
    [InlineData(90, 72, 3)]  // of whole pixels, with blur
    [InlineData(28, 24, 1)]
    public void Apply_QuarterTurns_GivesTheViewsTurned_FlipsFirst(int side, int size, int channels)
    {
        using var scope = NewDisposeScope();
        const int Count = 48;
        var images = Views.Images(Count, channels, side, side + 7);
        var recipe = AugmentationRecipe.Strong(size) with { VerticalFlipProbability = 0.5 };
        ViewParameters[] upright = [.. Enumerable.Range(0, Count).Select(sample => ViewParameters.Draw(new CounterRandom(5, RandomPurpose.Augmentation), recipe, side, side + 7, sample, 1, 3))];
        ViewParameters[] turned = [.. upright.Select((view, i) => view with { QuarterTurns = i % 4 })];
        var (expected, actual) = (Views.Make(images, size, upright), Views.Make(images, size, turned));
        // What places that are rounded to float32 make of pixels, colours stretch.
        for (int i = 0; i < Count; i++) Assert.True(Views.Difference(expected[i].rot90(i % 4, (1, 2)), actual[i]) < 1e-4, $"View {i}");
        Assert.True(Views.Difference(expected[1], actual[1]) > 0.01);
    }

    [Fact]
    public void Augment_RotationOfHalf_TurnsTheViewsThatItsParametersSay()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(32, 3, 40, 40);
        var recipe = AugmentationRecipe.Strong(32) with { RotationProbability = 0.5 };
        var augmenter = new Augmenter(32, Views.Plain, 5, CPU);
        var upright = Views.Augment(augmenter, images, recipe with { RotationProbability = 0 }, epoch: 2, view: 1);
        var views = Views.Augment(augmenter, images, recipe, epoch: 2, view: 1);
        int[] turns = [.. Enumerable.Range(0, 32).Select(sample => ViewParameters.Draw(new CounterRandom(5, RandomPurpose.Augmentation), recipe, 40, 40, sample, 2, 1).QuarterTurns)];
        Assert.Equal([0, 1, 2, 3], turns.Distinct().Order());
        for (int i = 0; i < 32; i++) Assert.True(Views.Difference(upright[i].rot90(turns[i], (1, 2)), views[i]) < 1e-4, $"View {i}");
    }

    [Fact]
    public void Augment_SeveralViewsOfABatch_GivesWhatEachGivesByItself()
    {
        using var scope = NewDisposeScope();
        using var images = ImageDataset.Read(new DatasetOptions { Limit = 12 });
        using var loader = new BatchLoader(images, 5, seed: 0, workers: 1);
        using var batch = loader.Assemble([9, 2, 4, 11, 0]);
        var augmenter = new Augmenter(24, Normalization.FashionMnist, 5, CPU);
        var together = augmenter.Augment(batch, 2, [1, 5, 0], WithBlur);
        Assert.Equal([15, 3, 24, 24], together.shape);
        foreach (var (view, part) in new[] { 1, 5, 0 }.Zip(together.chunk(3))) Assert.True(Views.Difference(augmenter.Augment(batch, 2, view, WithBlur), part) < 1e-5);
        Assert.Contains("such as [0, 1]", Assert.Throws<ArgumentException>("views", () => augmenter.Augment(batch, 2, [], WithBlur)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Augment_Again_GivesTheSameBits()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(64, 3, 32, 32);
        var first = Views.Augment(new Augmenter(32, Normalization.Cifar10, 5, CPU), images, WithBlur, epoch: 2);
        var again = Views.Augment(new Augmenter(32, Normalization.Cifar10, 5, CPU), images, WithBlur, epoch: 2);
        Assert.Equal(0, Views.Difference(first, again));
    }

    [Fact]
    public void Augment_OtherViewEpochSeedOrSample_Differs()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(1, 3, 32, 32).repeat(2, 1, 1, 1);
        var augmenter = new Augmenter(32, Views.Plain, 5, CPU);
        var view = Views.Augment(augmenter, images, WithBlur);
        Assert.True(Views.Difference(view[0], view[1]) > 0.01);
        Assert.True(Views.Difference(view, Views.Augment(augmenter, images, WithBlur, view: 1)) > 0.01);
        Assert.True(Views.Difference(view, Views.Augment(augmenter, images, WithBlur, epoch: 1)) > 0.01);
        Assert.True(Views.Difference(view, Views.Augment(new Augmenter(32, Views.Plain, 6, CPU), images, WithBlur)) > 0.01);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Augment_StrongestRecipe_StaysInRange(int channels)
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(200, channels, 40, 30);
        var recipe = WithBlur with { Brightness = 2, Contrast = 2, Saturation = 2, Hue = 0.5, JitterProbability = 1 };
        var views = Views.Augment(new Augmenter(24, Views.Plain, 1, CPU), images, recipe);
        Assert.Equal([200, 3, 24, 24], views.shape);
        Assert.Equal(float32, views.dtype);
        Assert.True(views.isfinite().all().item<bool>());
        Assert.InRange(views.min().item<float>(), -1e-5f, 0.1f);
        Assert.InRange(views.max().item<float>(), 0.9f, 1 + 1e-5f);
    }

    [Fact]
    public void Augment_RecipeThatChangesNothing_ReturnsTheNormalisedImage()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(3, 3, 32, 32);
        var views = Views.Augment(new Augmenter(32, Normalization.ImageNet, 1, CPU), images, new AugmentationRecipe { RatioMin = 1, RatioMax = 1 });
        var mean = tensor([0.485f, 0.456f, 0.406f]).view(1, 3, 1, 1);
        var std = tensor([0.229f, 0.224f, 0.225f]).view(1, 3, 1, 1);
        Assert.True(Views.Difference(views, (images.to(float32) / 255 - mean) / std) < 1e-5);
    }

    [Fact]
    public void Augment_GreyInput_EqualsThreeEqualChannels()
    {
        using var scope = NewDisposeScope();
        var grey = Views.Images(60, 1, 28, 28);
        var augmenter = new Augmenter(28, Normalization.FashionMnist, 1, CPU);
        var one = Views.Augment(augmenter, grey, WithBlur);
        var three = Views.Augment(augmenter, grey.repeat(1, 3, 1, 1), WithBlur);
        Assert.True(Views.Difference(one, three) < 1e-4); // the longer way, through saturation and hue, rounds more often
        Assert.Equal(0, Views.Difference(one.select(1, 0), one.select(1, 2)));
    }

    [Fact]
    public void Augment_VariableSizes_IgnoresThePadding()
    {
        using var scope = NewDisposeScope();
        const int count = 40;
        var random = Views.Images(count, 3, 60, 80);
        int[] heights = [.. Enumerable.Range(0, count).Select(i => 20 + i)], widths = [.. Enumerable.Range(0, count).Select(i => 80 - i)];
        var dirty = random.clone();
        for (int i = 0; i < count; i++)
        {
            dirty[i].narrow(1, heights[i], 60 - heights[i]).fill_(255);
            if (widths[i] < 80) dirty[i].narrow(2, widths[i], 80 - widths[i]).fill_(0);
        }
        var augmenter = new Augmenter(32, Normalization.Cifar10, 1, CPU);
        int[] samples = [.. Enumerable.Range(0, count)];
        var padded = augmenter.Augment(dirty, heights, widths, samples, 0, 0, WithBlur);
        Assert.Equal(0, Views.Difference(padded, augmenter.Augment(random, heights, widths, samples, 0, 0, WithBlur)));
        for (int i = 0; i < count; i += 7)
        {
            var alone = random.narrow(0, i, 1).narrow(2, 0, heights[i]).narrow(3, 0, widths[i]).contiguous();
            var view = augmenter.Augment(alone, [heights[i]], [widths[i]], [i], 0, 0, WithBlur);
            Assert.True(Views.Difference(view[0], padded[i]) < 1e-5);
        }
    }

    [Theory]
    [InlineData(ImageBatch.LargestBuffer)]
    [InlineData(4000)]
    public void Augment_PackedImages_GivesTheBitsOfPaddedOnes(int largestBuffer)
    {
        using var scope = NewDisposeScope();
        using var folder = new DataFolder();
        for (int i = 0; i < 12; i++) folder.Write($"{i:00}.jpg", ImageFiles.Jpeg(30 + 7 * (i % 4), 40 + 11 * (i % 3)));
        using var data = ImageDataset.Read(new DatasetOptions { Path = folder.Path });
        int[] indices = [7, 0, 3, 11, 3, 8, 5];
        using var batch = ImageBatch.Assemble(data, indices, bytes => new byte[bytes], null, largestBuffer);
        var packed = ImageTensor.Of(batch, CPU);
        int height = batch.Heights.Max(), width = batch.Widths.Max();
        var padded = zeros([indices.Length, 3, height, width], uint8);
        for (int i = 0; i < indices.Length; i++)
            padded[i].narrow(1, 0, batch.Heights[i]).narrow(2, 0, batch.Widths[i]).copy_(tensor(batch.PixelsOf(i).ToArray(), [3, batch.Heights[i], batch.Widths[i]]));

        var augmenter = new Augmenter(32, Normalization.Cifar10, 1, CPU);
        Assert.Equal(0, Views.Difference(augmenter.Augment(padded, batch.Heights, batch.Widths, indices, 2, 1, WithBlur), augmenter.Augment(packed, indices, 2, 1, WithBlur)));
        Assert.Equal(0, Views.Difference(augmenter.Evaluate(padded, batch.Heights, batch.Widths), augmenter.Evaluate(packed)));

        // The GPU's way, which unpacks.
        var drawn = new ViewParameters[indices.Length];
        var random = new CounterRandom(3, RandomPurpose.Augmentation);
        for (int i = 0; i < drawn.Length; i++) drawn[i] = ViewParameters.Draw(random, WithBlur, batch.Heights[i], batch.Widths[i], i, 0, 0);
        foreach (int views in (int[])[1, 2]) // of each image
        {
            int count = views * drawn.Length;
            var plan = new BatchPlan(count, 32, drawn.Length);
            plan.AddSorted([.. Enumerable.Repeat(drawn, views).SelectMany(one => one)]);
            var (parameters, places) = plan.ToDevice(CPU);
            Tensor[] Products(ImageTensor images) => MatrixResampler.Resample(images, plan, parameters, places, 1, count - 1, 32);
            var taps = TapResampler.Resample(packed, plan, 1, count - 1, 32);
            foreach (var (one, other, third) in Products(ImageTensor.Padded(padded, batch.Heights, batch.Widths)).Zip(Products(packed), taps))
            {
                Assert.Equal(0, Views.Difference(one, other));
                Assert.True(Views.Difference(one, third) < 2e-5);
            }
        }
    }

    [Fact]
    public void Augment_ChannelsLast_HasTheSameValuesInTheOtherOrder()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(20, 3, 32, 32);
        var augmenter = new Augmenter(32, Normalization.Cifar10, 1, CPU);
        var first = Views.Augment(augmenter, images, WithBlur);
        var last = Views.Augment(augmenter, images, WithBlur, channelsLast: true);
        Assert.Equal([3 * 32 * 32, 1, 3 * 32, 3], last.stride());
        Assert.True(Views.Difference(first, last) < 1e-6);
        var evaluated = augmenter.Evaluate(images, Views.Repeat(32, 20), Views.Repeat(32, 20), channelsLast: true);
        Assert.Equal([3 * 32 * 32, 1, 3 * 32, 3], evaluated.stride());
    }

    [Fact]
    public void Augment_ManyBatches_LeavesNoTensorsBehind()
    {
        var augmenter = new Augmenter(32, Normalization.Cifar10, 1, CPU);
        using var images = Views.Images(16, 3, 40, 36);
        Views.Augment(augmenter, images, WithBlur).Dispose();
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int epoch = 0; epoch < 5; epoch++)
            {
                Views.Augment(augmenter, images, WithBlur, epoch).Dispose();
                augmenter.Evaluate(images, Views.Repeat(40, 16), Views.Repeat(36, 16)).Dispose();
            }
        });
        Assert.Equal([16, 3, 40, 36], images.shape); // the caller's tensor is still there
    }

    [Fact]
    public void Augment_Result_TakesNoGradient()
    {
        using var scope = NewDisposeScope();
        Assert.False(Views.Augment(new Augmenter(16, Views.Plain, 1, CPU), Views.Images(2, 3, 16, 16), WithBlur).requires_grad);
    }

    [Fact]
    public void Images_AndRecipes_ThatAreNull_AreRefusedByName()
    {
        using var scope = NewDisposeScope();
        var augmenter = new Augmenter(16, Views.Plain, 1, CPU);
        Assert.Throws<ArgumentNullException>("images", () => augmenter.Augment((Tensor)null!, [16], [16], [0], 0, 0, WithBlur));
        Assert.Throws<ArgumentNullException>("recipe", () => augmenter.Augment(Views.Images(1, 3, 16, 16), [16], [16], [0], 0, 0, null!));
        Assert.Throws<ArgumentNullException>("images", () => augmenter.Augment(null!, 0, 0, WithBlur));
        Assert.Throws<ArgumentNullException>("images", () => augmenter.Evaluate((Tensor)null!, [16], [16]));
        Assert.Throws<ArgumentNullException>("images", () => augmenter.Evaluate((WclSharp.Data.ImageBatch)null!));
    }

    [Fact]
    public void Augment_RecipeThatChangesNothing_CutsALongImageAboutItsMiddle()
    {
        using var scope = NewDisposeScope();
        var image = zeros([1, 3, 16, 64], dtype: uint8);
        image.narrow(3, 0, 21).fill_(255); // 21 or 22 of 16 x 64 pixels are at the middle: 4:3 of the height
        image.narrow(3, 43, 21).fill_(255);
        var view = new Augmenter(16, Normalization.Gray(0, 1), 1, CPU).Augment(image, [16], [64], [0], 0, 0, new AugmentationRecipe());
        Assert.Equal(0, view.max().ToSingle());
    }

    [Fact]
    public void Augment_ShapesThatDoNotFit_SaysWhich()
    {
        using var scope = NewDisposeScope();
        var augmenter = new Augmenter(16, Views.Plain, 1, CPU);
        var images = Views.Images(2, 3, 16, 16);
        var recipe = AugmentationRecipe.Weak(16);
        Assert.Contains("Float32", Assert.Throws<WclUsageException>(() => augmenter.Augment(images.to(float32), [16, 16], [16, 16], [0, 1], 0, 0, recipe)).Message);
        Assert.Contains("2 images came with 1 heights", Assert.Throws<WclUsageException>(() => augmenter.Augment(images, [16], [16, 16], [0, 1], 0, 0, recipe)).Message);
        Assert.Contains("3 sample numbers", Assert.Throws<WclUsageException>(() => augmenter.Augment(images, [16, 16], [16, 16], [0, 1, 2], 0, 0, recipe)).Message);
        Assert.Contains("17 x 16", Assert.Throws<WclUsageException>(() => augmenter.Evaluate(images, [16, 17], [16, 16])).Message);
        Assert.Throws<WclUsageException>(() => new Augmenter(0, Views.Plain, 1, CPU));
        Assert.Throws<WclUsageException>(() => new Augmenter(16, Normalization.Gray(0, 0), 1, CPU));
    }
}
