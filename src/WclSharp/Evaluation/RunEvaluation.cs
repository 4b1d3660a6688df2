using System.Diagnostics;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Which run to evaluate, and on what.</summary>
public sealed record RunEvaluationOptions
{
    /// <summary>Run folder.</summary>
    public required string Run { get; init; }

    /// <summary>Labelled images whose neighbours vote; null is the run's training images.</summary>
    public string? Data { get; init; }

    /// <summary>Labelled test images; null is the run's held-out ones, or, where <see cref="Data"/> is given, a part of that.</summary>
    public string? Test { get; init; }

    /// <summary>CSV or TSV file that names classes of <see cref="Data"/>; null is the run's.</summary>
    public string? Labels { get; init; }

    /// <summary>Neighbours of the kNN classifier, 1 or more; null is 200, or 20 below 20,000 labelled training images.</summary>
    public int? KnnK { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Train a linear classifier on the features as well; any other option that begins with Linear does so too.</summary>
    public bool Linear { get; init; }

    /// <summary>Train the linear classifier on features of random crops and flips, drawn anew each epoch, instead of the images as they are. The encoder then runs 80 times over the training images.</summary>
    public bool LinearAugmented { get; init; }

    /// <summary>Count what the linear classifier takes images of each class for; of more than 1,000 classes it is left out.</summary>
    public bool LinearConfusion { get; init; }

    /// <summary>Learning rate of the linear classifier for batches of 256, above 0; null chooses it, for the decay where that is given, on a fifth of the labelled training images where at least half of them are of classes with 25.</summary>
    public double? LinearLearningRate { get; init; }

    /// <summary>L2 weight decay of the linear classifier, 0 or more; null chooses it as the learning rate, or is 0 where that is given.</summary>
    public double? LinearWeightDecay { get; init; }

    internal static NumberRange RateRange => NumberRange.Positive;

    internal static NumberRange DecayRange => NumberRange.NotNegative;

    /// <summary>Whether a linear classifier is trained.</summary>
    internal bool TrainsClassifier => Linear || LinearAugmented || LinearConfusion || LinearLearningRate is not null || LinearWeightDecay is not null;

    /// <exception cref="WclUsageException">A value is out of range.</exception>
    internal void Validate()
    {
        GivenOption.RequirePath(Run, "RUN", "name the folder that wcl pretrain wrote");
        GivenOption.RequirePaths(("--data", Data), ("--test", Test), ("--labels", Labels));
        NumberRange.AtLeastOne.Require(KnnK, "--knn-k");
        RateRange.Require(LinearLearningRate, "--linear-lr", "such as 0.2");
        DecayRange.Require(LinearWeightDecay, "--linear-decay");
    }
}

/// <summary>What an evaluation measured.</summary>
public sealed record RunEvaluationResult
{
    /// <summary>kNN top-1 accuracy, 0 to 1.</summary>
    public required double Knn { get; init; }

    /// <summary>Neighbours of the kNN classifier: as many as were asked for, or all labelled training images where these are fewer.</summary>
    public required int KnnK { get; init; }

    /// <summary>Images that the neighbours come from.</summary>
    public required long TrainImages { get; init; }

    /// <summary>Images that were classified.</summary>
    public required long TestImages { get; init; }

    /// <summary>Epochs that the encoder was trained for.</summary>
    public required int Epoch { get; init; }

    /// <summary>Seconds it took, reading left out.</summary>
    public required double Seconds { get; init; }

    /// <summary>What the linear probe reached; null where it was not asked for.</summary>
    public LinearProbeResult? Linear { get; init; }

    /// <summary>Mean over the classes of the test images of their kNN accuracies, 0 to 1 (balanced accuracy); differs from <see cref="Knn"/> where some have more images than others.</summary>
    public double KnnBalancedAccuracy { get; init; }

    /// <summary>What kNN took the test images for, by class.</summary>
    public IReadOnlyList<ClassifiedClass> KnnPerClass { get; init; } = [];

    /// <summary>Of <see cref="NearDuplicatesChecked"/> test images those that look like copies of training images, by features and pixels: frames of one burst, for instance, whose accuracy says little of new ones.</summary>
    public long NearDuplicates { get; init; }

    /// <summary>Test images that were looked at for copies: all, or some 2,000 of more.</summary>
    public long NearDuplicatesChecked { get; init; }

    /// <summary>What computed the features: a processor's name, or a device.</summary>
    public string? Device { get; init; }

    /// <summary>Number format of the features: fp32, or bf16 where the run was trained in bfloat16 and the device is faster at it.</summary>
    public string? Precision { get; init; }

    /// <summary>Hash of the images that the neighbours come from: those with a class.</summary>
    internal string? TrainFingerprint { get; init; }

    /// <summary>Hash of the images that were classified.</summary>
    internal string? TestFingerprint { get; init; }
}

/// <summary>kNN accuracy (Wu et al. 2018), and a linear probe where it is asked for, of the last encoder of a run.</summary>
public static class RunEvaluation
{
    /// <summary>Evaluates.</summary>
    /// <param name="options">Which run, and on what.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="WclUsageException">There is no such run, there are no labelled images to measure kNN with, or an option is wrong.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <remarks>It changes the settings of the whole program that <see cref="Pretraining.Run"/> changes.</remarks>
    public static RunEvaluationResult Run(RunEvaluationOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => Evaluate(options, progress, cancellation));
    }

    private static RunEvaluationResult Evaluate(RunEvaluationOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        options.Validate();
        var trained = RunFolder.ReadConfig(options.Run);
        _ = EncoderWeights.Find(options.Run); // that there is none is better said before images are read
        var compute = ComputeDevice.ChooseFor(options.Device, trained.Precision, progress);
        Allocator.KeepFreedMemory();
        var asked = RunData.Asked(trained, options.Data, options.Test, options.Labels);
        using var data = RunData.Read(trained, asked, progress, cancellation, new() { LabelledAlone = true });
        if (!data.Train.HasLabels || data.HeldOut is null) throw RunData.NoLabels(trained, asked, data, "measure kNN with");

        long start = Stopwatch.GetTimestamp();
        using var encoder = ImageEncoder.Load(options.Run, compute);
        int epoch = EpochOf(options.Run); // now, since a run that still trains has other weights after its next epoch
        // Images without a label neither vote nor count, so the encoder need not see them.
        using ImageDataset voters = LabelledRows.Images(data.Train), classified = LabelledRows.Images(data.HeldOut);
        int k = Math.Min(options.KnnK ?? KnnClassifier.DefaultK(voters.Count), voters.Count);
        if (options.KnnK > voters.Count)
            progress?.Report(new RunProgress.Warning(FormattableString.Invariant($"--knn-k {options.KnnK} is more than the {voters.Count:N0} training images that have a class: all of them vote.")));
        using var gallery = FeatureExtractor.Extract(encoder, voters, "training images", progress, cancellation);
        using var queries = FeatureExtractor.Extract(encoder, classified, "test images", progress, cancellation);
        var (predicted, truth) = LabelledKnn.Predict(gallery, voters, queries, classified, k, progress, cancellation)
            ?? throw new WclUsageException("No image of --data or none of --test has a label.");
        var (accuracy, balancedAccuracy) = LabelledRows.Measure(predicted, truth);
        var perClass = LabelledKnn.ByClass(voters, classified, truth, predicted);
        foreach (string? warning in new[] { LabelledKnn.Outvoted(voters, k, perClass), ClassifiedClass.WarningOfOne(perClass, FormattableString.Invariant($"kNN with {k} neighbours")) })
            if (warning is not null) progress?.Report(new RunProgress.Warning(warning));

        var (copies, lookedAt) = NearDuplicates.Tell(gallery, voters, queries, classified, progress, cancellation);
        var linear = options.TrainsClassifier ? Probe(options, trained.Seed, encoder, gallery, voters, queries, classified, progress, cancellation) : null;
        return new()
        {
            Knn = accuracy,
            KnnK = k,
            TrainImages = voters.Count,
            TestImages = classified.Count,
            Epoch = epoch,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
            Linear = linear,
            KnnBalancedAccuracy = balancedAccuracy,
            KnnPerClass = perClass,
            NearDuplicates = copies,
            NearDuplicatesChecked = lookedAt,
            Device = compute.Name,
            Precision = compute.TypeName,
            TrainFingerprint = data.LabelledFingerprint,
            TestFingerprint = data.HeldOut.Fingerprint,
        };
    }

    /// <summary>After which epoch a run's encoder is. Of a run that did not end, the weights are the last checkpoint's, which can be epochs behind its measurements.</summary>
    private static int EpochOf(string run) =>
        RunFolder.ReadSummary(run) is { Status: RunSummary.Finished } || new CheckpointStore(RunFolder.CheckpointsOf(run)).LastState is not { } state
            ? RunFolder.ReadMetrics(run).Select(metrics => metrics.Epoch).DefaultIfEmpty().Max()
            : state.Epoch;

    private static LinearProbeResult? Probe(RunEvaluationOptions options, long seed, ImageEncoder encoder, Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test,
        IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        var (taught, classes) = LabelledRows.Of(gallery, train);
        if (classes.Length == 0) return null;
        var (settings, chosenOn) = options.LinearLearningRate is { } rate
            ? (new LinearProbeSettings { LearningRate = rate, WeightDecay = options.LinearWeightDecay ?? 0 }, 0)
            : LinearProbeSearch.Choose(taught, classes, train.ClassNames.Count, seed, options.LinearWeightDecay,
                (fits, all) => progress.Working($"Choosing the linear classifier's learning rate{(options.LinearWeightDecay is null ? " and decay" : "")}", fits, all), cancellation);

        void TellEpochs(int epochs) => progress.Working("Training a linear classifier, epochs", epochs, LinearProbe.Epochs);
        // An epoch of crops takes as long as the features did, so its images are told of.
        void TellViews(int epoch, int done) => progress.Working("Training a linear classifier on random crops, images", (long)epoch * train.Count + done, (long)LinearProbe.Epochs * train.Count);
        if (options.LinearAugmented) TellViews(0, 0);
        else TellEpochs(0);
        using var views = options.LinearAugmented ? AugmentedFeatures.Of(encoder, train, seed, TellViews, cancellation) : null;
        var result = LinearProbe.Measure(gallery, train, queries, test, seed, views is null ? TellEpochs : null, cancellation, settings, views is null ? null : views.OfEpoch, options.LinearConfusion);
        return result is null ? null : result with { ValidationImages = chosenOn };
    }
}
