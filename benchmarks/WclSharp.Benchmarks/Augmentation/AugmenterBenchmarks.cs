using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Augmentation;

/// <summary>One random view of a batch, at the sizes of the small data sets and of ImageNet; two threads, like the figures in the documentation.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 5, iterationCount: 20)]
public class AugmenterBenchmarks
{
    private Augmenter augmenter = null!;
    private AugmentationRecipe recipe = null!;
    private Tensor images = null!;
    private int[] heights = null!, widths = null!, samples = null!;
    private int epoch;

    /// <summary>Batch, channels, height, width, side of the view.</summary>
    [Params("256x3x32x32-32", "256x1x28x28-28", "64x3x256x340-224")]
    public string Batch { get; set; } = "";

    [Params("weak", "strong")]
    public string Recipe { get; set; } = "";

    [Params(false, true)]
    public bool ChannelsLast { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        BenchmarkProcess.Prepare();
        var sides = Batch.Split("-");
        int size = int.Parse(sides[1]);
        long[] shape = Array.ConvertAll(sides[0].Split('x'), long.Parse);
        var random = new CounterRandom(1, RandomPurpose.Evaluation);
        var pixels = new byte[shape[0] * shape[1] * shape[2] * shape[3]];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)random.Words(0, (uint)i, 0, 0).A;
        images = tensor(pixels, shape).DetachFromDisposeScope();
        heights = [.. Enumerable.Repeat((int)shape[2], (int)shape[0])];
        widths = [.. Enumerable.Repeat((int)shape[3], (int)shape[0])];
        samples = [.. Enumerable.Range(0, (int)shape[0])];
        recipe = Recipe == "weak" ? AugmentationRecipe.Weak(size) : AugmentationRecipe.Strong(size);
        augmenter = new Augmenter(size, Normalization.ImageNet, 1, CPU);
    }

    [Benchmark]
    public long View()
    {
        using var view = augmenter.Augment(images, heights, widths, samples, epoch++, 0, recipe, ChannelsLast);
        return view.shape[0];
    }

    [GlobalCleanup]
    public void Cleanup() => images.Dispose();
}
