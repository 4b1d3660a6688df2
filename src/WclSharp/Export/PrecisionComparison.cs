using System.Diagnostics;
using System.Globalization;
using WclSharp.Benchmarking;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Inference;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Export;

/// <summary>What a file of fewer bits costs: it is run beside the float32 one, on images that it was not calibrated with.</summary>
internal static class PrecisionComparison
{
    /// <summary>What every image's vector in half precision has to be closer to its float32 vector than, as a cosine.</summary>
    public const double RequiredHalfCosine = 0.999;

    /// <summary>What the mean cosine of an int8 file has to reach; docs/deployment.md says why.</summary>
    public const double RequiredInt8MeanCosine = 0.98;

    private const int Rounds = 7;

    /// <summary>Compares.</summary>
    /// <param name="network">The network; its output beside the features is compared too.</param>
    /// <param name="precision">Of <paramref name="exported"/>.</param>
    /// <param name="float32">The float32 file.</param>
    /// <param name="exported">The other file.</param>
    /// <param name="images">Images, stored at the size that the network wants.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>Sizes and the images for calibration are left for the caller to fill in.</returns>
    public static ExportCost Measure(ExportedNetwork network, ExportPrecision precision, OnnxEncoder float32, OnnxEncoder exported, ImageDataset images,
        IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        if ((long)images.Count * float32.FeatureSize > Array.MaxLength)
            throw new WclUsageException(FormattableString.Invariant($"The vectors of {images.Count:N0} images are too many to compare at once; use --check {Array.MaxLength / float32.FeatureSize} or less."));
        var pixels = new float[float32.Batch * float32.InputSize];
        float[] features = new float[images.Count * float32.FeatureSize], reference = new float[features.Length];
        int? projection = network.TopOutput == OnnxFacts.Projection ? network.TopSize : null;
        var classes = new ClassifiedImages(images, exported.ClassNames);
        double least = 1, sum = 0;
        int done = 0, vectors = 0;
        foreach (var batch in BatchLoader.InOrder(images, float32.Batch))
        {
            cancellation.ThrowIfCancellationRequested();
            using (batch) PreparedImages.Write(images, batch, float32.ImageSize, pixels);
            int length = float32.FeatureSize;
            Memory<float> a = reference.AsMemory(done * length, batch.Count * length), b = features.AsMemory(done * length, batch.Count * length);
            float32.Run(pixels, batch.Count, OnnxFacts.Features, a);
            exported.Run(pixels, batch.Count, OnnxFacts.Features, b);
            Compare(a.Span, b.Span, length);
            if (projection is { } size) Compare(Run(float32, OnnxFacts.Projection, size), Run(exported, OnnxFacts.Projection, size), size);
            if (exported.ClassNames.Count is > 0 and var count) classes.Add(Run(float32, OnnxFacts.Probabilities, count), Run(exported, OnnxFacts.Probabilities, count), batch.Count);
            done += batch.Count;
            progress.Working($"Comparing {Name(precision)} with float32", done, images.Count);

            float[] Run(OnnxEncoder encoder, string output, int width)
            {
                var values = new float[batch.Count * width];
                encoder.Run(pixels, batch.Count, output, values);
                return values;
            }
        }

        int timed = Math.Min(images.Count, float32.Batch); // the last batch, and what the one before it left where it is shorter
        var (float32Seconds, exportedSeconds) = Time(float32, exported, pixels, timed, progress, cancellation);
        bool classifier = exported.ClassNames.Count > 0;
        return new ExportCost
        {
            Precision = precision,
            Images = images.Count,
            Source = images.Source,
            CalibrationImages = 0,
            MinCosine = least,
            MeanCosine = sum / vectors,
            Float32 = new() { Bytes = 0, ImagesPerSecond = timed / float32Seconds, Knn = classifier ? null : Knn(reference, images), Accuracy = classes.Float32Accuracy },
            Exported = new() { Bytes = 0, ImagesPerSecond = timed / exportedSeconds, Knn = classifier ? null : Knn(features, images), Accuracy = classes.ExportedAccuracy },
            Agreement = classifier ? classes.Agreement : null,
        };

        void Compare(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, int length)
        {
            for (int start = 0; start < expected.Length; start += length)
            {
                double cosine = OnnxParity.Cosine(actual.Slice(start, length), expected.Slice(start, length));
                least = Math.Min(least, cosine); // keeps NaN
                sum += cosine;
                vectors++;
            }
        }
    }

    /// <summary>Refuses a file that is too far from float32.</summary>
    /// <exception cref="WclException">It is.</exception>
    public static ExportCost Require(ExportCost cost, string file)
    {
        var (what, value, required) = cost.Precision == ExportPrecision.Int8 ? ("mean", cost.MeanCosine, RequiredInt8MeanCosine) : ("lowest", cost.MinCosine, RequiredHalfCosine);
        string advice = cost.Precision == ExportPrecision.Int8
            ? "calibrate with images like those (--data, --calibrate), or export with --precision fp32"
            : "a weight is too large or too small for half precision (it holds 6e-8 to 65,504), so export with --precision fp32";
        return value > required // false for NaN
            ? cost
            : throw new WclException(string.Create(CultureInfo.InvariantCulture,
                $"The {Name(cost.Precision)} file '{file}' is too far from float32: on {cost.Images} images of {cost.Source} the {what} cosine is {value:0.######}, not above {required}. It was not kept; {advice}."));
    }

    private static string Name(ExportPrecision precision) => OptionValue.NameOf(precision);

    /// <summary>kNN accuracy: each half of the images is classified by its nearest ones of the other.</summary>
    internal static double? Knn(float[] features, ImageDataset images)
    {
        if (!images.HasLabels || images.Count < 2) return null;
        using var scope = NewDisposeScope();
        var rows = nn.functional.normalize(tensor(features, [images.Count, features.Length / images.Count])); // [M, F]
        int[][] halves = [[.. Enumerable.Range(0, images.Count).Where(i => i % 2 == 0)], [.. Enumerable.Range(0, images.Count).Where(i => i % 2 == 1)]];
        using var even = images.Subset(halves[0]);
        using var odd = images.Subset(halves[1]);
        Tensor evenRows = Rows.Of(rows, halves[0]), oddRows = Rows.Of(rows, halves[1]);
        int k = KnnClassifier.DefaultK(even.Count);
        double? ofOdd = LabelledKnn.Accuracy(evenRows, even, oddRows, odd, k), ofEven = LabelledKnn.Accuracy(oddRows, odd, evenRows, even, k);
        return (ofOdd * odd.LabelledCount + ofEven * even.LabelledCount) / (odd.LabelledCount + even.LabelledCount);
    }

    /// <summary>Seconds that each takes for one batch: medians of rounds in turn.</summary>
    private static (double Float32, double Exported) Time(OnnxEncoder float32, OnnxEncoder exported, float[] pixels, int count, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        var features = new float[count * float32.FeatureSize];
        List<double> a = [], b = [];
        for (int i = 0; i < Rounds; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            a.Add(Seconds(float32));
            b.Add(Seconds(exported));
            progress.Working("Timing both", i + 1, Rounds);
        }
        return (Median.Of(a), Median.Of(b));

        double Seconds(OnnxEncoder encoder)
        {
            long start = Stopwatch.GetTimestamp();
            encoder.Run(pixels, count, OnnxFacts.Features, features);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    /// <summary>Counts what two classifiers say of the same images, and how often that is so; images of classes that they do not know do not count for the latter.</summary>
    private sealed class ClassifiedImages
    {
        private readonly int[] truth;
        private int done, agreed, labelled, float32Right, exportedRight;

        public ClassifiedImages(ImageDataset images, IReadOnlyList<string> classNames) => truth = images.LabelsAmong(classNames);

        public double Agreement => agreed / (double)done;

        public double? Float32Accuracy => labelled == 0 ? null : float32Right / (double)labelled;

        public double? ExportedAccuracy => labelled == 0 ? null : exportedRight / (double)labelled;

        public void Add(float[] float32, float[] exported, int count)
        {
            int classes = float32.Length / count;
            for (int i = 0; i < count; i++, done++)
            {
                int a = Largest(float32.AsSpan(i * classes, classes)), b = Largest(exported.AsSpan(i * classes, classes));
                if (a == b) agreed++;
                if (truth[done] < 0) continue;
                labelled++;
                if (a == truth[done]) float32Right++;
                if (b == truth[done]) exportedRight++;
            }
        }

        private static int Largest(ReadOnlySpan<float> values) => System.Numerics.Tensors.TensorPrimitives.IndexOfMax(values);
    }
}
