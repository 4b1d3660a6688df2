using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Augmentation;

/// <summary>Images and parameters for the tests of this folder.</summary>
internal static class Views
{
    /// <summary>Leaves pixels in [0, 1].</summary>
    public static readonly Normalisation Plain = Normalisation.Grey(0, 1);

    public static ViewParameters Unchanged(int height, int width) => new()
    {
        Crop = new CropBox(0, 0, height, width),
        Flip = false,
        Jitter = false,
        Greyscale = false,
        BrightnessFactor = 1,
        ContrastFactor = 1,
        SaturationFactor = 1,
        HueShift = 0,
        JitterOrder = 0,
        BlurSigmaPixels = 0,
    };

    /// <summary>One image per view, pixels in [0, 1].</summary>
    public static Tensor Make(Tensor images, int size, params ViewParameters[] views) => new Augmenter(size, Plain, 0, CPU).Apply(images, views);

    /// <summary>[N, C, H, W] uint8 of smooth shapes and some noise, a function of the arguments.</summary>
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
}
