using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

public class ResamplerTests
{
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
        foreach (bool flip in (bool[])[false, true])
        {
            var view = Views.Whole(image) with { Crop = new CropBox(top, left, cropHeight, cropWidth), Flip = flip };
            var expected = tensor(Oracle(image, view.Crop, flip, size), [1, 3, size, size]);
            Assert.True(Views.Difference(Views.Make(image, size, view), expected) < 2e-6); // float32 sums of up to 300 terms
        }
    }

    [Fact]
    public void Resample_FullBoxAtItsOwnSize_ReturnsTheImage()
    {
        using var scope = NewDisposeScope();
        var images = Views.Images(5, 3, 32, 32);
        var whole = Views.Whole(images);
        Assert.True(Views.Difference(Views.Make(images, 32, whole, whole, whole, whole, whole), images.to(float32) / 255) < 1e-7);
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

    [Fact]
    public void Weights_EveryRow_SumsToGainAndStaysInTheBox()
    {
        using var scope = NewDisposeScope();
        var map = new float[AxisMap.Length];
        AxisMap.Crop(7, 20, 12, mirror: true).Write(map);
        var weights = Resampler.Weights(tensor(map).view(1, -1), 12, 0, 40, gain: 2);
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
                    foreach (var (row, rowWeight) in Taps(box.Height, height, y))
                        foreach (var (column, columnWeight) in Taps(box.Width, width, x))
                            sum += rowWeight * columnWeight * pixels[(c * sourceHeight + box.Top + row) * sourceWidth + box.Left + column];
                    result[(c * height + y) * width + (flip ? width - 1 - x : x)] = (float)(sum / 255);
                }
        return result;
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
