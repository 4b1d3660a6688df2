using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Native;

namespace WclSharp.Benchmarks.Data;

/// <summary>
/// A source read as <c>wcl pretrain</c> reads it, then 224 x 224 pixels cut out of every image; "again" times random crops alone, as in every epoch but the first.
/// </summary>
internal static class WholeReading
{
    private const string Usage = "read-all SOURCE whole|middle|random|again REPEATS [--threads 2]";
    private const int Side = 224, Batch = 32;

    /// <summary>Prints the best of some repeats after one that warms up.</summary>
    public static void Run(string[] arguments)
    {
        var given = GivenArguments.Parse(arguments, Usage, least: 3, most: 3, ["threads"]);
        if (given[1] is not ("whole" or "middle" or "random" or "again")) throw given.Wrong($"There is no reading '{given[1]}'");
        Read(given[0], given[1], given.Count(2, "REPEATS")!.Value, given.Count("threads") ?? GivenArguments.UsualThreads);
    }

    private static void Read(string source, string crop, int repeats, int threads)
    {
        TorchRuntime.EnsureLoaded();
        torch.set_num_threads(threads);
        Allocator.KeepFreedMemory();
        double best = double.MaxValue;
        int images = 0;
        for (int i = 0; i <= repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            using var data = ImageDataset.Read(new DatasetOptions { Path = source, StoredSide = StoredSize.SideFor(crop == "whole" ? 32 : Side), Workers = threads, MaxBad = 0 });
            if (crop == "middle") CutMiddles(data);
            if (crop == "again") start = Stopwatch.GetTimestamp();
            if (crop is "random" or "again") CropAtRandom(data);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (i > 0) best = Math.Min(best, seconds);
            images = data.Count;
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{images} images, best {best:0.000} s, {images / best:0.0} images/s"));
    }

    /// <summary>[N, 3, Side, Side] uint8; zero around images that are smaller.</summary>
    private static byte[] CutMiddles(ImageDataset data)
    {
        var views = new byte[data.Count * 3 * Side * Side];
        for (int i = 0; i < data.Count; i++)
        {
            var pixels = data.PixelsOf(i);
            var (height, width) = data.SizeOf(i);
            int rows = Math.Min(Side, height), columns = Math.Min(Side, width), top = (height - rows) / 2, left = (width - columns) / 2;
            int topOfView = (Side - rows) / 2, leftOfView = (Side - columns) / 2;
            for (int channel = 0; channel < 3; channel++)
                for (int y = 0; y < rows; y++)
                    pixels.AsSpan((channel * height + top + y) * width + left, columns)
                        .CopyTo(views.AsSpan(((i * 3 + channel) * Side + topOfView + y) * Side + leftOfView));
        }
        return views;
    }

    /// <summary>Random resized crops and flips, [N, 3, Side, Side] float32, as in training.</summary>
    private static void CropAtRandom(ImageDataset data)
    {
        var augmenter = new Augmenter(Side, Normalization.ImageNet, seed: 0, torch.CPU);
        var recipe = new AugmentationRecipe { ScaleMin = 0.2, FlipProbability = 0.5 };
        foreach (var images in BatchLoader.InOrder(data, Batch))
            using (images)
            using (torch.NewDisposeScope())
                augmenter.Augment(ImageTensor.Of(images, torch.CPU), images.Indices, epoch: 0, view: 0, recipe);
    }
}
