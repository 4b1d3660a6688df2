using System.Diagnostics;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Benchmarking;

/// <summary>What <see cref="DataBenchmark"/> measured: medians of the repeats.</summary>
/// <param name="Images">Images read.</param>
/// <param name="DecodeImagesPerSecond">Images read, decoded and shrunk a second.</param>
/// <param name="AugmentImagesPerSecond">Views made a second by the strong recipe.</param>
/// <param name="PeakRssMib">Peak resident memory of the process, MiB.</param>
internal sealed record DataFigures(int Images, double DecodeImagesPerSecond, double AugmentImagesPerSecond, double PeakRssMib);

/// <summary>Times reading a data set and augmenting its images, apart from each other.</summary>
internal static class DataBenchmark
{
    private const int ImagesToAugment = 2048;

    public static DataFigures Run(PretrainOptions options, int repeat, IProgress<RunProgress>? progress = null)
    {
        Allocator.KeepFreedMemory();
        var decode = new List<double>();
        var augment = new List<double>();
        int images = 0;
        for (int i = 0; i <= repeat; i++)
        {
            long start = Stopwatch.GetTimestamp();
            using var data = PretrainingData.Read(options with { CacheFolder = Path.GetTempPath() }, folder: null, progress: null, CancellationToken.None);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            images = data.All.Count;
            double views = AugmentRate(data, options.ImageSize!.Value);
            if (i > 0)
            {
                decode.Add(images / seconds);
                augment.Add(views);
            }
            progress.Working("Reading and augmenting, times", i + 1, repeat + 1);
        }
        return new DataFigures(images, Median.Of(decode), Median.Of(augment), ProcessMemory.PeakMiB);
    }

    private static double AugmentRate(PretrainingData data, int imageSize)
    {
        var augmenter = new Augmenter(imageSize, data.Normalization, seed: 0, torch.CPU);
        var recipe = AugmentationRecipe.Strong(imageSize);
        int batch = imageSize <= AugmentationRecipe.LargestSmallImage ? 256 : 32;
        int views = 0;
        var time = new Stopwatch();
        foreach (var images in BatchLoader.InOrder(data.All, batch))
        {
            using (images)
            using (torch.NewDisposeScope())
            {
                time.Start();
                augmenter.Augment(ImageTensor.Of(images, torch.CPU), images.Indices, epoch: 0, view: 0, recipe);
                time.Stop();
                views += images.Count;
            }
            if (views >= ImagesToAugment) break;
        }
        return views / time.Elapsed.TotalSeconds;
    }
}
