using System.Diagnostics;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Evaluation;

/// <summary>A run to evaluate, and on what; a null path is what the run was trained with.</summary>
/// <param name="Run">Run folder.</param>
/// <param name="Data">Images with classes that vote; same forms as in <see cref="PretrainOptions.Data"/>.</param>
/// <param name="Test">Images with classes that are classified.</param>
/// <param name="Labels">CSV or TSV file that names classes of <paramref name="Data"/>.</param>
/// <param name="KnnK">Neighbours that vote; null is 200, or 20 below 20,000 images.</param>
/// <param name="Device">cpu, cuda, cuda:N or auto.</param>
public sealed record EvaluationRequest(string Run, string? Data = null, string? Test = null, string? Labels = null, int? KnnK = null, string Device = "auto");

/// <summary>What an evaluation measured.</summary>
/// <param name="Knn">kNN top-1 accuracy of the last epoch's encoder, 0 to 1.</param>
/// <param name="KnnK">Neighbours.</param>
/// <param name="TrainImages">Images that the neighbours come from.</param>
/// <param name="TestImages">Images that were classified.</param>
/// <param name="Epoch">Epoch of the encoder.</param>
/// <param name="Seconds">Seconds it took, reading included.</param>
public sealed record EvaluationResult(double Knn, int KnnK, long TrainImages, long TestImages, int Epoch, double Seconds);

/// <summary>Measures the encoder of a finished run.</summary>
public static class RunEvaluation
{
    /// <summary>Reads the images, computes features and classifies the test images by their neighbours.</summary>
    /// <exception cref="WclUsageException">There is no run, or a side has no classes.</exception>
    public static EvaluationResult Run(EvaluationRequest request, IProgress<PretrainProgress>? progress = null, CancellationToken cancellation = default)
    {
        long started = Stopwatch.GetTimestamp();
        var trained = RunFolder.ReadConfig(request.Run);
        bool sameData = request.Data is null || request.Data == trained.Data;
        var options = trained with
        {
            Data = request.Data ?? trained.Data,
            Test = request.Test ?? trained.Test,
            Labels = request.Labels ?? (sameData ? trained.Labels : null),
            // A subset by seed is the run's own; other data is taken whole.
            Limit = sameData ? trained.Limit : null,
            CacheFolder = trained.CacheFolder ?? Path.GetTempPath(),
        };
        var compute = ComputeDevice.Choose(request.Device, trained.Precision);
        using var encoder = new ResNet(trained.Arch!.Value, trained.Width!.Value, trained.Stem!.Value, trained.Seed);
        EncoderWeights.Load(encoder, request.Run);
        encoder.to(compute.Device);
        encoder.ComputeType = compute.Type;

        using var data = PretrainingData.Read(options, badImagesFolder: null, progress, cancellation);
        if (!data.Train.HasLabels) throw new WclUsageException($"The images of {data.Name} have no classes, so there is nothing to vote; give --data with classes, or --labels.");
        if (data.HeldOut is null) throw new WclUsageException("There are no test images with classes; give them with --test.");
        int k = request.KnnK ?? KnnClassifier.DefaultK(data.Train.Count);
        var augmenter = new Augmenter(trained.ImageSize!.Value, EncoderWeights.NormalisationOf(request.Run), trained.Seed, compute.Device);
        var evaluator = new Evaluator(data, encoder, augmenter, trained with { KnnK = k }, compute.Device, progress, cancellation);
        double knn = evaluator.Measure(new EpochMetrics()).Knn
            ?? throw new WclUsageException("No test image has a class that training images have; check --data, --test and --labels.");
        int epoch = RunFolder.ReadMetrics(request.Run) is [.., var last] ? last.Epoch : 0;
        return new EvaluationResult(knn, k, data.Train.Count, data.HeldOut.Count, epoch, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}
