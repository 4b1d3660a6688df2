using System.Diagnostics;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Export;
using WclSharp.Files;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Reporting;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Benchmarking;

/// <summary>What <see cref="EmbedBenchmark"/> measured: medians of the repeats.</summary>
/// <param name="LibtorchImagesPerSecond">Images a second through libtorch.</param>
/// <param name="OnnxImagesPerSecond">Images a second through ONNX Runtime.</param>
/// <param name="Ratio">Median of the repeats' ratios of the two; each repeat times both, one after the other.</param>
/// <param name="MinCosine">Lowest cosine of the two vectors of an image.</param>
/// <param name="MeanCosine">Their mean.</param>
/// <param name="LargestDifference">Largest difference of any two features.</param>
/// <param name="FileMib">Size of the ONNX file, MiB.</param>
internal sealed record EmbedFigures(double LibtorchImagesPerSecond, double OnnxImagesPerSecond, double Ratio, double MinCosine, double MeanCosine, double LargestDifference, double FileMib);

/// <summary>
/// Times features of decoded images on the CPU, by libtorch in float32 and by ONNX Runtime in turn, and compares them. The network's weights are
/// random; so are its batch norms' statistics, that folding them is part of what is compared. int8 is calibrated on the first of the images.
/// </summary>
internal static class EmbedBenchmark
{
    private const int SmallImages = 256, LargeImages = 64, CalibrationImages = 32;

    /// <param name="options">Network and image size, resolved.</param>
    /// <param name="precision">Numbers in the ONNX file.</param>
    /// <param name="images">Images to embed; null is some hundreds of small ones, some tens of large ones.</param>
    /// <param name="repeat">Times that both are timed, after a warm-up.</param>
    /// <param name="progress">Told after every time; may be null.</param>
    /// <param name="cancellation">Stops between them; no file is left.</param>
    public static EmbedFigures Run(PretrainOptions options, ExportPrecision precision, int? images, int repeat, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        Allocator.KeepFreedMemory();
        string folder = Directory.CreateTempSubdirectory("wcl-bench-").FullName;
        try
        {
            int size = options.ImageSize!.Value, count = images ?? (size <= AugmentationRecipe.LargestSmallImage ? SmallImages : LargeImages);
            using var network = new ExportedNetwork(RandomEncoder(options, Path.Combine(folder, ResultNames.Encoder)));
            int side = StoredSize.SideFor(size);
            int height = size <= AugmentationRecipe.LargestSmallImage ? size : side, width = size <= AugmentationRecipe.LargestSmallImage ? size : side * 4 / 3;
            BenchmarkSizes.RequireNumbers(FormattableString.Invariant($"--images {count} at {height} x {width} pixels"), count, 3, height, width);
            byte[] pixels = RandomPixels(count * 3 * height * width);
            string file = Path.Combine(folder, "encoder.onnx");
            AtomicFile.Write(file, network.ToOnnx(precision, precision == ExportPrecision.Int8 ? Ranges() : null).WriteTo);
            // ONNX Runtime, which does not go by OMP_NUM_THREADS, gets as many threads as libtorch has by it.
            using var onnx = OnnxEncoder.Load(file, Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is null ? 0 : get_num_threads());

            List<double> libtorch = [], runtime = [];
            float[][] expected = [], actual = [];
            for (int i = 0; i <= repeat; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                double a = Time(() => expected = Libtorch(network.Encoder, pixels, count, height, width));
                double b = Time(() => actual = onnx.EmbedEach(count, (image, target) => Prepare(image, target.Span)));
                progress.Working("Embedding, times", i + 1, repeat + 1);
                if (i == 0) continue; // caches, pages and kernels are chosen
                libtorch.Add(a);
                runtime.Add(b);
            }

            double difference = expected.Zip(actual).Max(pair => pair.First.Zip(pair.Second).Max(each => Math.Abs((double)each.First - each.Second)));
            double[] cosines = [.. expected.Zip(actual).Select(pair => (double)ImageEncoder.Similarity(pair.First, pair.Second))];
            return new EmbedFigures(count / Median.Of(libtorch), count / Median.Of(runtime), Median.Of(libtorch.Zip(runtime, (a, b) => a / b)), cosines.Min(), cosines.Average(), difference,
                new FileInfo(file).Length / 1048576.0);

            void Prepare(int image, Span<float> target) => EvaluationView.Write(pixels.AsSpan(image * 3 * height * width, 3 * height * width), 3, height, width, size, target);

            Dictionary<string, ActivationRange> Ranges()
            {
                using var observer = new ActivationRanges.Observer(network);
                var prepared = new float[3 * size * size];
                for (int i = 0; i < Math.Min(count, CalibrationImages); i++)
                {
                    Prepare(i, prepared);
                    observer.See(prepared, 1, size);
                }
                return observer.Ranges(ActivationRanges.KeptShare);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>An encoder with random weights and statistics, by way of a file.</summary>
    internal static ImageEncoder RandomEncoder(PretrainOptions options, string file)
    {
        using (var network = new ResNet(options.Arch!.Value, options.Width!.Value, options.Stem!.Value, seed: 0))
        {
            var random = new ParameterInitializer(1);
            using (no_grad())
            using (NewDisposeScope())
            {
                foreach (var (name, tensor) in ModuleWeights.Of(network))
                {
                    // Around 1 what scales, around 0 what shifts.
                    if (name.EndsWith("running_var", StringComparison.Ordinal) || (tensor.dim() == 1 && name.EndsWith("weight", StringComparison.Ordinal))) tensor.copy_(random.Uniform(tensor.shape, 0.5) + 1);
                    else if (tensor.dim() == 1) tensor.copy_(random.Uniform(tensor.shape, 0.2));
                }
            }
            SafetensorsFile.Write(file, ModuleWeights.Of(network), EncoderWeights.Describe(network, options.ImageSize!.Value, Normalization.ImageNet));
        }
        return ImageEncoder.Load(file);
    }

    private static float[][] Libtorch(ImageEncoder encoder, byte[] pixels, int count, int height, int width)
    {
        using var noGradient = no_grad();
        var result = new List<float[]>();
        int batch = FeatureExtractor.BatchFor(encoder.ImageSize);
        for (int start = 0; start < count; start += batch)
        {
            using var scope = NewDisposeScope();
            int size = Math.Min(batch, count - start), bytes = 3 * height * width;
            var images = empty([size, 3, height, width], dtype: ScalarType.Byte);
            pixels.AsSpan(start * bytes, size * bytes).CopyTo(images.bytes);
            int[] heights = new int[size], widths = new int[size];
            Array.Fill(heights, height);
            Array.Fill(widths, width);
            var features = encoder.Network.call(encoder.Preparation.Evaluate(images, heights, widths)).data<float>().ToArray();
            for (int i = 0; i < size; i++) result.Add(features.AsSpan(i * encoder.FeatureSize, encoder.FeatureSize).ToArray());
        }
        return [.. result];
    }

    private static byte[] RandomPixels(int count)
    {
        var random = new CounterRandom(0, RandomPurpose.Evaluation);
        var pixels = new byte[count];
        for (long i = 0; i < count; i += 4)
        {
            uint word = random.Words(0, (uint)i, 0, 0).A;
            for (int k = 0; k < 4 && i + k < count; k++) pixels[i + k] = (byte)(word >> (8 * k));
        }
        return pixels;
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
