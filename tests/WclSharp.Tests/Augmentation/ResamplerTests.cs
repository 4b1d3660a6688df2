using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

public class ResamplerTests
{
    private static readonly (bool Flip, bool Vertical)[] BothFlips = [(false, false), (true, false), (false, true), (true, true)];

    [Theory]
    [InlineData(40, 60, 5, 7, 30, 45, 16)]   // shrinks
    [InlineData(40, 60, 11, 20, 9, 12, 24)]  // grows
    [InlineData(33, 17, 0, 0, 33, 17, 20)]   // the whole of a narrow image
    [InlineData(12, 12, 11, 11, 1, 1, 8)]    // a single pixel
    [InlineData(300, 200, 3, 2, 290, 190, 7)]
    public void Resample_CropBox_EqualsLoopOverFilterTaps(int height, int width, int top, int left, int cropHeight, int cropWidth, int size)
    {
        using var scope = NewDisposeScope();
        var image = Views.Images(1, 3, height, width);
        foreach (var (flip, vertical) in BothFlips)
        {
            var view = Views.Whole(image) with { Crop = new CropBox(top, left, cropHeight, cropWidth), Flip = flip, VerticalFlip = vertical };
            var expected = Upright(tensor(Oracle(image, view.Crop, flip, size), [1, 3, size, size]), vertical);
            Assert.True(Views.Difference(Views.Make(image, size, view), expected) < 2e-6); // float32 sums of up to 300 terms
        }
    }

    [Theory]
    [InlineData(32, 32, 3.3, 7.8, 20.25, 17.6, 32)]  // stretches
    [InlineData(40, 60, 0, 21.5, 31.7, 38.5, 12)]    // shrinks, touches three edges
    [InlineData(20, 17, 4, 5, 9, 8, 24)]             // whole pixels: beyond its ends is seen all the same
    [InlineData(5, 7, 1.25, 2.75, 0.5, 0.4, 8)]      // less than a pixel
    [InlineData(300, 200, 10.1, 0.7, 280.3, 199.3, 9)]
    public void Resample_SubpixelBox_EqualsLoopOverTheWholeImage(int height, int width, double top, double left, double cropHeight, double cropWidth, int size)
    {
        using var scope = NewDisposeScope();
        var image = Views.Images(1, 3, height, width);
        foreach (var (flip, vertical) in BothFlips)
        {
            var view = Views.Whole(image) with { Crop = new(top, left, cropHeight, cropWidth, (height, width)), Flip = flip, VerticalFlip = vertical };
            var expected = Upright(tensor(SubpixelOracle(image, view.Crop, flip, size), [1, 3, size, size]), vertical);
            Assert.True(Views.Difference(Views.Make(image, size, view), expected) < 2e-5); // places are float32
        }
    }

    [Fact]
    public void Resample_FullBoxAtItsOwnSize_ReturnsTheImage()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(5, 3, 32, 32);
        var whole = Views.Whole(images);
        Assert.True(Views.Difference(Views.Make(images, 32, whole, whole, whole, whole, whole), images.to(float32) / 255) < 1e-7);
        var turned = whole with { Flip = true, VerticalFlip = true };
        Assert.Equal(0, Views.Difference(Views.Make(images, 32, turned, turned, turned, turned, turned), Views.Make(images, 32, whole, whole, whole, whole, whole).flip(2, 3)));
    }

    [Fact]
    public void Resample_ImagesOfSeveralSizesPadded_EqualEachAlone()
    {
        using var scope = NewDisposeScope();
        (int Height, int Width)[] sizes = [(20, 50), (50, 20), (33, 33), (1, 1), (50, 49)];
        var padded = full([sizes.Length, 3, 50, 50], 255, uint8); // padding that would show
        var alone = new List<Tensor>();
        var views = new List<ViewParameters>();
        for (int i = 0; i < sizes.Length; i++)
        {
            var image = Views.Images(1, 3, sizes[i].Height, sizes[i].Width, i);
            padded.narrow(0, i, 1).narrow(2, 0, sizes[i].Height).narrow(3, 0, sizes[i].Width).copy_(image);
            views.Add(Views.Whole(image) with { Flip = i % 2 == 0 });
            alone.Add(Views.Make(image, 24, views[i]));
        }
        Assert.True(Views.Difference(Views.Make(padded, 24, [.. views]), cat(alone)) < 1e-6);
    }

    [Theory]
    [InlineData(60, 80, 24, false)]  // mostly shrinks
    [InlineData(60, 80, 24, true)]
    [InlineData(20, 17, 32, false)]  // stretches
    [InlineData(20, 17, 32, true)]
    [InlineData(5, 7, 9, false)]     // narrower than a vector
    [InlineData(5, 7, 9, true)]
    [InlineData(300, 200, 31, false)]
    [InlineData(300, 200, 31, true)]
    public void TapsAndProducts_RandomCropsOfImagesOfSeveralSizes_Agree(int height, int width, int size, bool subpixel)
    {
        using var scope = NewDisposeScope();
        const int count = 30;
        foreach (int channels in (int[])[1, 3])
        {
            var images = Views.Images(count, channels, height, width);
            var random = new CounterRandom(3, RandomPurpose.Augmentation);
            var recipe = new AugmentationRecipe { ScaleMin = 0.05, SubpixelCrops = subpixel, FlipProbability = 0.5, VerticalFlipProbability = 0.5 };
            var drawn = new ViewParameters[count];
            for (int i = 0; i < count; i++) drawn[i] = ViewParameters.Draw(random, recipe, height - i % 4, width - i % 5, i, 0, 0);
            var plan = new BatchPlan(count, size);
            plan.AddSorted(drawn);
            var (parameters, indices) = plan.ToDevice(CPU);
            var grid = ImageTensor.Padded(images, [.. Enumerable.Range(0, count).Select(i => height - i % 4)], [.. Enumerable.Range(0, count).Select(i => width - i % 5)]);
            var products = MatrixResampler.Resample(grid, plan, parameters, indices, 3, count - 3, size);
            var taps = TapResampler.Resample(grid, plan, 3, count - 3, size);
            Assert.Equal(channels, taps.Length);
            for (int channel = 0; channel < channels; channel++)
                Assert.True(Views.Difference(products[channel], taps[channel]) < 2e-5); // the products round places to float32
        }
    }

    [Theory]
    [InlineData(60, 80, 24, false)]
    [InlineData(60, 80, 24, true)]
    [InlineData(20, 17, 32, false)]
    [InlineData(20, 17, 32, true)]
    public void Resample_VerticalFlip_IsTheViewWithItsRowsReversed_InTapsAndInProducts(int height, int width, int size, bool subpixel)
    {
        using var scope = NewDisposeScope();
        const int count = 20;
        var grid = ImageTensor.Padded(Views.Images(count, 3, height, width), Views.Repeat(height, count), Views.Repeat(width, count));
        var recipe = new AugmentationRecipe { ScaleMin = 0.05, SubpixelCrops = subpixel, FlipProbability = 0.5 };
        var (taps, products) = Planes(recipe);
        var (flippedTaps, flippedProducts) = Planes(recipe with { VerticalFlipProbability = 1 });
        Assert.True(Views.Difference(flippedTaps, taps.flip(2)) < 2e-6); // places are float32
        Assert.True(Views.Difference(flippedProducts, products.flip(2)) < 2e-5);
        Assert.True(Views.Difference(flippedTaps, taps) > 0.1);

        (Tensor Taps, Tensor Products) Planes(AugmentationRecipe drawnBy)
        {
            var random = new CounterRandom(3, RandomPurpose.Augmentation);
            var plan = new BatchPlan(count, size);
            plan.AddSorted([.. Enumerable.Range(0, count).Select(i => ViewParameters.Draw(random, drawnBy, height, width, i, 0, 0))]);
            var (parameters, indices) = plan.ToDevice(CPU);
            return (Shaped(TapResampler.Resample(grid, plan, 0, count, size)), Shaped(MatrixResampler.Resample(grid, plan, parameters, indices, 0, count, size)));
        }

        Tensor Shaped(Tensor[] planes) => stack(planes, 1).view(count, 3, size, size);
    }

    [Fact]
    public void Resample_OneByOne_GivesTheBitsOfTheBatch()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(17, 3, 40, 37);
        var recipe = new AugmentationRecipe { JitterProbability = 0, GrayscaleProbability = 0, BlurProbability = 0 };
        var augmenter = new Augmenter(24, Normalization.Cifar10, 5, CPU);
        var together = Views.Augment(augmenter, images, recipe);
        for (int i = 0; i < 17; i++)
        {
            var alone = augmenter.Augment(images.narrow(0, i, 1), [40], [37], [i], 0, 0, recipe);
            Assert.Equal(0, Views.Difference(alone[0], together[i]));
        }
    }

    [Theory]
    [InlineData(7, 20, 12, true)]
    [InlineData(0, 3, 32, false)]
    [InlineData(5, 500, 11, true)]
    [InlineData(2, 1, 6, false)]
    public void AxisTaps_EveryPixel_SumToGainAndStayInTheBox(int start, int extent, int size, bool mirror)
    {
        var taps = new AxisTaps(AxisMap.Crop(start, extent, size, mirror), size, gain: 2);
        for (int i = 0; i < size; i++)
        {
            var weights = taps.WeightsOf(i);
            Assert.InRange(weights.Length, 1, taps.Most);
            Assert.InRange(taps.Firsts[i], 0, extent - weights.Length);
            double sum = 0;
            foreach (float weight in weights)
            {
                Assert.True(weight > 0);
                sum += weight;
            }
            Assert.Equal(2, sum, 1e-6);
            for (int k = weights.Length; k < taps.Most; k++) Assert.Equal(0, taps.Weights[i * taps.Most + k]);
        }
    }

    [Fact]
    public void Weights_EveryRow_SumsToGainAndStaysInTheBox()
    {
        using var scope = NewDisposeScope();
        var map = new float[AxisMap.Length];
        AxisMap.Crop(7, 20, 12, mirror: true).Write(map);
        var weights = MatrixResampler.Weights(tensor(map).view(1, -1), 12, 0, 40, gain: 2);
        Assert.True(Views.Difference(weights.sum(-1), full([1, 12], 2f)) < 1e-6);
        Assert.Equal(0, weights.narrow(2, 0, 7).abs().max().item<float>());
        Assert.Equal(0, weights.narrow(2, 27, 13).abs().max().item<float>());
    }

    [Theory]
    [InlineData(32, 45, 45, 0, 0, 45, 45)]       // small views show the whole image
    [InlineData(32, 30, 60, 0, 0, 30, 60)]
    [InlineData(224, 256, 256, 16, 16, 224, 224)]
    [InlineData(224, 256, 341, 16, 58, 224, 224)] // torchvision: (341 - 224) / 2 = 58.5, halves to even
    public void Evaluate_AnyImage_ShowsTheMiddle(int size, int height, int width, int top, int left, int cropHeight, int cropWidth)
    {
        using var scope = NewDisposeScope();
        var image = Views.Images(1, 3, height, width);
        var actual = new Augmenter(size, Views.Plain, 0, CPU).Evaluate(image, [height], [width]);
        var expected = Views.Make(image, size, Views.Whole(image) with { Crop = new CropBox(top, left, cropHeight, cropWidth) });
        Assert.True(Views.Difference(actual, expected) < 1e-5);
    }

    [Fact]
    public void Evaluate_LargeImage_EqualsResizeThenCentreCrop()
    {
        using var scope = NewDisposeScope();
        var image = Views.Images(1, 3, 160, 120);
        const int size = 112, shorter = 128; // 112 * 256 / 224
        int longer = shorter * 160 / 120;
        var whole = tensor(Oracle(image, new CropBox(0, 0, 160, 120), false, shorter, longer), [1, 3, longer, shorter]);
        var expected = whole.narrow(2, (int)Math.Round((longer - size) / 2.0), size).narrow(3, (shorter - size) / 2, size);
        var actual = new Augmenter(size, Views.Plain, 0, CPU).Evaluate(image, [160], [120]);
        Assert.True(Views.Difference(actual, expected) < 1e-5);
    }

    /// <summary>[N, C, H, W] with the last row first where it is to be.</summary>
    private static Tensor Upright(Tensor images, bool upsideDown) => upsideDown ? images.flip(2) : images;

    /// <summary>Pillow's resampling as loops in double: for each output pixel, a triangle as wide as the step, cut at the box.</summary>
    private static float[] Oracle(Tensor image, CropBox box, bool flip, int width, int? rows = null)
    {
        int height = rows ?? width, channels = (int)image.shape[1], sourceHeight = (int)image.shape[2], sourceWidth = (int)image.shape[3];
        var pixels = image.data<byte>().ToArray();
        var result = new float[channels * height * width];
        for (int c = 0; c < channels; c++)
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                {
                    double sum = 0;
                    foreach (var (row, rowWeight) in Taps((int)box.Height, height, y))
                        foreach (var (column, columnWeight) in Taps((int)box.Width, width, x))
                            sum += rowWeight * columnWeight * pixels[(c * sourceHeight + (int)box.Top + row) * sourceWidth + (int)box.Left + column];
                    result[(c * height + y) * width + (flip ? width - 1 - x : x)] = (float)(sum / 255);
                }
        return result;
    }

    /// <summary>The same of a box between pixels: the triangle is cut at the image.</summary>
    private static float[] SubpixelOracle(Tensor image, CropBox box, bool flip, int size)
    {
        int channels = (int)image.shape[1], height = (int)image.shape[2], width = (int)image.shape[3];
        var pixels = image.data<byte>().ToArray();
        var result = new float[channels * size * size];
        for (int c = 0; c < channels; c++)
            for (int y = 0; y < size; y++)
                for (int x = 0; x < size; x++)
                {
                    double sum = 0, total = 0;
                    for (int row = 0; row < height; row++)
                        for (int column = 0; column < width; column++)
                        {
                            double weight = Weight(box.Top, box.Height, y, row) * Weight(box.Left, box.Width, x, column);
                            sum += weight * pixels[(c * height + row) * width + column];
                            total += weight;
                        }
                    result[(c * size + y) * size + (flip ? size - 1 - x : x)] = (float)(sum / total / 255);
                }
        return result;

        double Weight(double start, double extent, int output, int pixel)
        {
            double scale = extent / size;
            return Math.Max(0, 1 - Math.Abs(pixel + 0.5 - (start + scale * (output + 0.5))) / Math.Max(scale, 1));
        }
    }

    private static List<(int Index, double Weight)> Taps(int extent, int size, int output)
    {
        double scale = (double)extent / size, support = Math.Max(scale, 1), centre = (output + 0.5) * scale;
        var taps = new List<(int, double)>();
        int first = Math.Max(0, (int)(centre - support + 0.5)), end = Math.Min(extent, (int)(centre + support + 0.5));
        double total = 0;
        for (int i = first; i < end; i++)
        {
            double weight = Math.Max(0, 1 - Math.Abs((i - centre + 0.5) / support));
            total += weight;
            taps.Add((i, weight));
        }
        return [.. taps.Select(tap => (tap.Item1, tap.Item2 / total))];
    }
}
