using WclSharp.Augmentation;

namespace WclSharp.FineTuning;

/// <summary>
/// How a classifier is trained: SGD with momentum 0.9, half a cosine to 0 after a short warm-up, random crops and flips. The same for a pretrained network and for one from
/// scratch but for the learning rates, which are chosen for both alike: docs/few-labels.md.
/// </summary>
internal sealed record FineTuneRecipe
{
    /// <summary>Raised when the same options come to train otherwise.</summary>
    public const int Version = 5;

    public const double HeadRate = 0.1;
    public const int Batch = 64;

    /// <summary>
    /// Peak learning rates to choose from, of the pretrained encoder and of the network from scratch, as many of either. The first is for labels that are too few to choose by.
    /// </summary>
    public static readonly IReadOnlyList<double> EncoderRates = [0.01, 0.03, 0.1], ScratchRates = [0.1, 0.03, 0.3];

    /// <summary>Passes over the labels where none were asked for, but so many steps at least.</summary>
    public const int UsualEpochs = 20, LeastSteps = 300;

    /// <summary>Shares of the labels to train with where none were asked for and no list says which images have one: those that papers report.</summary>
    public static readonly IReadOnlyList<double> UsualFractions = [0.01, 0.1];

    private const double WarmupShare = 0.1;

    /// <summary>Peak learning rate of what was pretrained: the encoder, and the head's first layer where it is there.</summary>
    public required double Pretrained { get; init; }

    /// <summary>Peak learning rate of the layer that makes the scores.</summary>
    public required double Scores { get; init; }

    /// <summary>The options that set these rates, for the message where they are too high.</summary>
    public string RateOptions { get; init; } = "--lr or --head-lr";

    /// <summary>Steps of <see cref="Batch"/> images.</summary>
    public required int Steps { get; init; }

    /// <summary>Share of the steps after which it stops, above 0 to 1.</summary>
    public double StopAt { get; init; } = 1;

    /// <summary>Steps until then.</summary>
    public int StepsTaken => Math.Clamp((int)Math.Round(StopAt * Steps), 1, Steps);

    /// <summary>L2 weight decay.</summary>
    public double WeightDecay { get; init; } = 5e-4;

    /// <summary>How an image is augmented each time that it is trained on.</summary>
    public AugmentationRecipe Views { get; init; } = AugmentationRecipe.CropAndFlip;

    /// <summary>Steps of linear warm-up.</summary>
    public int WarmupSteps => (int)(Steps * WarmupShare);

    /// <summary>Steps for so many labels.</summary>
    /// <param name="labels">Images that are trained on.</param>
    /// <param name="epochs">Passes that were asked for; null is the usual number.</param>
    /// <exception cref="WclUsageException">They are more than can be counted.</exception>
    public static int StepsFor(int labels, int? epochs)
    {
        long steps = Math.Max(1, ((long)(epochs ?? UsualEpochs) * labels + Batch - 1) / Batch);
        if (steps > int.MaxValue) // so many epochs were asked for: the usual ones are too few
            throw new WclUsageException(FormattableString.Invariant($"--epochs {epochs} over {labels:N0} labels is {steps:N0} steps of {Batch} images, more than {int.MaxValue:N0}; use {(long)int.MaxValue * Batch / labels} or fewer."));
        return epochs is null ? Math.Max(LeastSteps, (int)steps) : (int)steps;
    }
}
