using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Reporting;

namespace WclSharp.Training;

/// <summary>What weights that a run starts from may know of the images that it tests with.</summary>
internal static class WarmStart
{
    private const int LongestChain = 16; // of runs, each from the weights of the one before

    /// <summary>A warning where they come from a run that may have learnt from some of the images that are tested with now, or whose own weights do; null where that is not known.</summary>
    /// <param name="options">The new run's options, with the weights to start from.</param>
    /// <param name="data">Its images.</param>
    /// <param name="cancellation">Stops listing images.</param>
    public static string? Warning(PretrainOptions options, PretrainingData data, CancellationToken cancellation)
    {
        if (data.HeldOut is null) return null;
        string? source = options.Init;
        for (int i = 0; i < LongestChain && source is not null && RunFolder.Around(source) is { } run; i++)
        {
            try
            {
                var theirs = RunFolder.ReadConfig(run);
                if (WarningOf(source, run, theirs, options, data, cancellation) is { } warning) return warning;
                source = theirs.Init;
            }
            catch (WclUsageException)
            {
                return null; // the weights are what was asked for, whatever became of their run
            }
        }

        return null;
    }

    private static string? WarningOf(string source, string run, PretrainOptions theirs, PretrainOptions options, PretrainingData data, CancellationToken cancellation)
    {
        string file = EncoderWeights.Find(source);
        // What a classifier was tested with it has not learnt, whatever its run held out.
        bool knowsClasses = ClassifierFacts.IsOne(file) && FineTuneFolder.SettingsOf(file)?.TestFingerprint != data.HeldOut!.Fingerprint;
        if (theirs.Epochs == 0 && !knowsClasses) return null;
        bool mayHaveSeen = options.Test is null
            ? ImagesToTest.Overlap(theirs.Data, options.Data) && (knowsClasses || RunData.LabelledFingerprintOf(run) != data.LabelledFingerprint)
            : ImagesToTest.MayBeLearntBy(theirs, options.Test, cancellation);
        if (!mayHaveSeen) return null;
        knowsClasses |= theirs.Method == ContrastiveMethod.SupCon;
        bool sameCanBeHeldOut = options.Test is null && theirs.Test is null && RunFolder.ReadSummary(run)?.TestImages > 0;
        return $"The weights of --init {(source == options.Init ? "are of" : "go back to")} '{run}', a run that may have been trained on some of the present test images{(knowsClasses ? ", and on their classes: accuracies may be too high" : ", though not on their classes: accuracies may be a little too high")}. "
            + $"Name images with --test that it has not seen{(sameCanBeHeldOut ? ", or hold the same out by that run's --seed, --limit and --labels" : "")}.";
    }
}
