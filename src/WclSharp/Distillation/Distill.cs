using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Distillation;

/// <summary>
/// Teaches a network what a fine-tuned classifier says of images without labels (Chen et al. 2020b, section 2, step three): the same network, which mostly gains, or a smaller
/// one.
/// </summary>
public static class Distill
{
    /// <summary>Distils to the last epoch, or to where it is cancelled; epochs that are finished are kept, and the same call goes on.</summary>
    /// <param name="options">Which teacher, student and images.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="WclUsageException">There is no such classifier, there are no images, or an option is wrong.</exception>
    /// <exception cref="WclException">Training failed, by diverging or for want of memory; what is finished is intact.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <remarks>It changes the settings of the whole program that <see cref="Pretraining.Run"/> changes.</remarks>
    public static DistillResult Run(DistillOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => Teach(options, progress, cancellation));
    }

    private static DistillResult Teach(DistillOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        options.Validate();
        if (options is { Data: not null, Labels: not null, LabelMix: 0 }) progress?.Report(new RunProgress.Warning("--labels changes nothing without --label-mix: the student learns from the teacher alone."));
        string teacher = ClassifierFacts.Find(options.Teacher);
        var trained = Directory.Exists(options.Teacher) && !SamePath.Is(Path.GetDirectoryName(teacher), options.Teacher)
            ? RunFolder.ReadConfig(options.Teacher) // a run folder, whose fine-tuning lies below it
            : null;
        if (!File.Exists(teacher)) throw new WclUsageException($"There is no classifier '{options.Teacher}'; name a run that was fine-tuned, the folder of its fine-tuning, or a classifier.safetensors.");
        if (trained is null && options.Data is null)
            throw new WclUsageException("Name the images to train on with --data; only a run folder as the teacher says which they are.");

        var compute = ComputeDevice.ChooseFor(options.Device, trained?.Precision ?? ComputePrecision.Auto, progress);
        Allocator.KeepFreedMemory();
        using var network = ClassifierNetwork.Load(teacher, compute);
        var facts = EncoderWeights.FactsOf(teacher);
        if (options.Init is not null) EncoderWeights.RequireFit(options.Init, options.Arch ?? facts.Arch, options.Width ?? facts.Width, facts.Stem);
        var asked = trained is null
            ? new PretrainOptions { Data = options.Data, Test = options.Test, Labels = options.Labels, ImageSize = facts.ImageSize, Seed = options.Seed, MaxBad = 1 }
            : RunData.Asked(trained, options.Data, options.Test, options.Labels);
        // The teacher may have learnt from any of other images than its run's, so none of them can test it.
        bool holdOut = options.Data is null;
        // Of other images some are drawn as they are read. The run's are read as it read them, with its own limit and what it held out, and some are drawn of those to learn on.
        if (!holdOut) asked = asked with { Limit = options.Limit, Seed = options.Seed };
        var tuned = FineTuneFolder.SettingsOf(teacher);
        bool TestsWith(ImageDataset heldOut) => options.Test is not null || tuned is null || tuned.TestFingerprint == heldOut.Fingerprint;
        using var data = RunData.Read(trained ?? asked, asked, progress, cancellation, new() { HoldOut = holdOut, TestClasses = network.ClassNames, TestsWith = TestsWith, IsTaught = true });
        var (train, test) = (data.Train, data.HeldOut);
        if (test is not null && !TestsWith(test))
        {
            // What a split held out is learnt from, as by the classifier; what was read from elsewhere to test with is not.
            (train, test) = (asked.Test is null ? data.All : data.Train, null);
            progress?.Report(new RunProgress.Warning("The classifier was tested with other images than those that its run holds out and may have learnt these, so nothing is measured; name images with --test."));
        }
        else if (test is null && holdOut)
        {
            progress?.Report(new RunProgress.Warning("The run holds out no images of the classifier's classes, so nothing is measured; name the list that it was fine-tuned with (--labels), or images (--test)."));
        }

        if (test is not null && tuned?.TrainFingerprint == test.Fingerprint)
            progress?.Report(new RunProgress.Warning("The test images are those that the classifier's labels were drawn from, so accuracies may be too high; name others with --test."));

        if (test is not null && !holdOut && options.Test is not null && RunFolder.Around(teacher) is { } run && LearntFrom(run, options.Test, cancellation) is > 0 and var learnt)
            progress?.Report(new RunProgress.Warning(FormattableString.Invariant($"{learnt:N0} of the images of --test are of the run that the classifier is of, '{run}': it learnt from them or held them out, and the classifier may have learnt their classes, so accuracies may be too high; name others where that matters.")));

        using var some = holdOut && options.Limit < train.Count ? Some(train, options.Limit.Value, options.Seed) : null;
        using var distillation = new DistillationRun(options, teacher, facts, network, some ?? train, test, compute, progress, cancellation);
        return distillation.Execute();
    }

    /// <summary>How many test images are a run's own, without those that it tested with itself, as far as that can be told.</summary>
    private static int LearntFrom(string run, string test, CancellationToken cancellation)
    {
        try
        {
            return ImagesToTest.CountOf(RunFolder.ReadConfig(run), test, cancellation) ?? 0;
        }
        catch (WclUsageException)
        {
            return 0; // the run's images are gone, and nobody asked for them
        }
    }

    private static ImageDataset Some(ImageDataset images, int count, long seed)
    {
        var chosen = new CounterRandom(seed, RandomPurpose.Subset).Permutation(images.Count)[..count];
        Array.Sort(chosen);
        return images.Subset(chosen);
    }
}
