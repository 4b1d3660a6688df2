using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

/// <summary>Images and parameters for the tests of this folder.</summary>
internal static class Views
{
    /// <summary>Leaves pixels in [0, 1].</summary>
    public static readonly Normalization Plain = Normalization.Gray(0, 1);

    /// <summary>A view that shows all of an image as it is.</summary>
    public static ViewParameters Whole(Tensor images) => new()
    {
        Crop = new CropBox(0, 0, (int)images.shape[2], (int)images.shape[3]),
        Flip = false,
        VerticalFlip = false,
        QuarterTurns = 0,
        Jitter = false,
        Grayscale = false,
        BrightnessFactor = 1,
        ContrastFactor = 1,
        SaturationFactor = 1,
        HueShift = 0,
        JitterOrder = 0,
        BlurSigmaPixels = 0,
    };

    /// <summary>One view per image, pixels in [0, 1].</summary>
    public static Tensor Make(Tensor images, int size, params ViewParameters[] views) => new Augmenter(size, Plain, 0, CPU).Apply(ImageTensor.Padded(images, Repeat((int)images.size(2), views.Length), Repeat((int)images.size(3), views.Length)), views);

    /// <summary>[N, C, H, W] uint8: smooth waves with some noise, a function of the arguments.</summary>
    public static Tensor Images(int count, int channels, int height, int width, int seed = 1)
    {
        var random = new CounterRandom(seed, RandomPurpose.Evaluation);
        var pixels = new byte[count * channels * height * width];
        for (int i = 0; i < pixels.Length; i++)
        {
            int x = i % width, y = i / width % height, c = i / (width * height) % channels, n = i / (width * height * channels);
            double wave = Math.Sin(x * (0.1 + 0.03 * c) + n) * Math.Cos(y * 0.15 - 0.7 * n + c);
            pixels[i] = (byte)Math.Clamp(128 + 100 * wave + 40 * (random.Uniforms(0, (uint)i, 0, 0).A - 0.5), 0, 255);
        }
        return tensor(pixels, [count, channels, height, width]);
    }

    /// <summary>The same size for all of a batch.</summary>
    public static int[] Repeat(int value, long count) => [.. Enumerable.Repeat(value, (int)count)];

    /// <summary>A random view of every image, all of full size, with sample numbers 0, 1, ...</summary>
    public static Tensor Augment(Augmenter augmenter, Tensor images, AugmentationRecipe recipe, int epoch = 0, int view = 0, bool channelsLast = false) =>
        augmenter.Augment(
            images, Repeat((int)images.shape[2], images.shape[0]), Repeat((int)images.shape[3], images.shape[0]),
            [.. Enumerable.Range(0, (int)images.shape[0])], epoch, view, recipe, channelsLast);

    /// <summary>Largest absolute difference.</summary>
    public static double Difference(Tensor a, Tensor b)
    {
        Assert.Equal(a.shape, b.shape);
        using var difference = (a - b).abs().max();
        return difference.item<float>();
    }
}
