using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Reporting;

namespace WclSharp.Training;

/// <summary>What weights that a run starts from may know of the images that it tests with.</summary>
internal static class WarmStart
{
    /// <summary>A warning where they come from a run that may have learnt from some of the images that are tested with now; null where that is not known.</summary>
    /// <param name="options">The new run's options, with the weights to start from.</param>
    /// <param name="data">Its images.</param>
    public static string? Warning(PretrainOptions options, PretrainingData data)
    {
        if (data.HeldOut is null || options.Init is not { } source || RunFolder.Around(source) is not { } run || ConfigOf(run) is not { } theirs || !MayHaveSeen(run, theirs, options, data)) return null;
        bool knowsClasses = theirs.Method == ContrastiveMethod.SupCon || IsClassifier(source);
        return $"The weights of --init are of a run on the same images, '{run}', which held others out: it learnt from some that are tested with now{(knowsClasses ? ", and from their classes, so accuracies are too high" : ", though not from their classes, so accuracies may be a little too high")}. "
            + $"Give that run's --seed, --limit and --labels, by which the same are held out, or name images with --test that neither learnt from.";
    }

    private static PretrainOptions? ConfigOf(string run)
    {
        try
        {
            return RunFolder.ReadConfig(run);
        }
        catch (WclUsageException)
        {
            return null; // its weights are what was asked for, whatever became of the rest
        }
    }

    private static bool MayHaveSeen(string run, PretrainOptions theirs, PretrainOptions ours, PretrainingData data)
    {
        // The same images are held out, or named, where what is left to measure with is the same.
        if (SamePath.Is(theirs.Test, ours.Test) && (ours.Test is not null || RunData.LabelledFingerprintOf(run) == data.LabelledFingerprint)) return false;
        return ours.Test is null ? Overlap(theirs.Data, ours.Data)
            : Overlap(theirs.Data, ours.Test) || (File.Exists(ours.Test) && data.LeftOut > 0 && Overlap(theirs.Data, ours.Data));
    }

    /// <summary>Whether two sources are the same or one holds the other; no path is the embedded images.</summary>
    private static bool Overlap(string? one, string? other) => SamePath.Is(one, other) || SamePath.Holds(one, other) || SamePath.Holds(other, one);

    private static bool IsClassifier(string source)
    {
        string path = EncoderWeights.Find(source);
        if (!Path.GetExtension(path).Equals(".safetensors", StringComparison.OrdinalIgnoreCase)) return false;
        using var content = SafetensorsFile.Read(path);
        return ClassifierFacts.AreIn(content);
    }
}
