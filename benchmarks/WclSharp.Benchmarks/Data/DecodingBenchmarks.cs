using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using SkiaSharp;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Data;

/// <summary>One JPEG on one thread: decoded and shrunk to what the cache keeps of it, and a random crop of that as in training.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 5, iterationCount: 20)]
[MinColumn]
public class DecodingBenchmarks
{
    private const int Discs = 400, Quality = 90;
    private static readonly AugmentationRecipe Crop = new() { ScaleMin = 0.2, FlipProbability = 0.5 };
    private Augmenter augmenter = null!;
    private byte[] jpeg = null!;
    private int side, epoch;

    /// <summary>Width and height of the image, side of the crop.</summary>
    [Params("32x32-32", "500x375-224", "2000x1500-224")]
    public string Image { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        BenchmarkProcess.Prepare();
        set_num_threads(1);
        var sizes = Array.ConvertAll(Image.Split('x', '-'), int.Parse);
        side = sizes[2];
        jpeg = Picture(sizes[0], sizes[1]);
        augmenter = new Augmenter(side, Normalization.ImageNet, seed: 0, CPU);
    }

    [Benchmark]
    public int Decode()
    {
        using var image = DecodedImage.Of(jpeg, "the picture", StoredSize.SideFor(side));
        return image.Height;
    }

    [Benchmark]
    public void DecodeAndCrop()
    {
        using var scope = NewDisposeScope();
        using var image = DecodedImage.Of(jpeg, "the picture", StoredSize.SideFor(side));
        var pixels = tensor(image.Pixels.ToArray(), [1, 3, image.Height, image.Width]);
        augmenter.Augment(pixels, [image.Height], [image.Width], [0], epoch++, 0, Crop);
    }

    /// <summary>Discs of all sizes and colours: detail that JPEG has to keep.</summary>
    private static byte[] Picture(int width, int height)
    {
        var random = new CounterRandom(1, RandomPurpose.Evaluation);
        using var surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using var paint = new SKPaint();
        for (uint i = 0; i < Discs; i++)
        {
            uint place = random.Words(0, i, 0, 0).A, look = random.Words(0, i, 1, 0).A;
            paint.Color = new SKColor((byte)look, (byte)(look >> 8), (byte)(look >> 16));
            surface.Canvas.DrawCircle((place & 0xffff) % width, (place >> 16) % height, 1 + (look >> 24) * height / 1024f, paint);
        }
        using var picture = surface.Snapshot();
        using var encoded = picture.Encode(SKEncodedImageFormat.Jpeg, Quality);
        return encoded.ToArray();
    }
}
