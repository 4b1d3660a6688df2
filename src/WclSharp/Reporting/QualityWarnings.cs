using System.Globalization;
using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>Plain words for what goes wrong with the weak labels or the features, and what to do about it.</summary>
internal static class QualityWarnings
{
    /// <summary>A component that holds more of the batch than this says that most images are alike.</summary>
    internal const double GiantComponent = 0.5;

    /// <summary>Features that use fewer dimensions than this, or than <see cref="CollapsedShare"/> of what they have, have collapsed.</summary>
    internal const double CollapsedRank = 3;

    /// <inheritdoc cref="CollapsedRank"/>
    internal const double CollapsedShare = 0.02;

    /// <summary>Few images have a low rank whatever the features are: one of M images is at most M - 1, and is judged by this share of that.</summary>
    internal const double CollapsedShareOfImages = 0.1;

    /// <summary>
    /// Uniformity, log mean exp(-2 d^2), above which projections have collapsed. It is 0 where all images have the same one, and this where all pairs have a cosine of 0.975
    /// (d^2 = 0.05), with which no softmax at a usual temperature tells an image from the others. Two groups apart come to log 1/2 = -0.7, so that few classes are no collapse, and an untrained network to some -2.6.
    /// </summary>
    internal const double CollapsedUniformity = -0.1;

    /// <summary>The warnings that an epoch's metrics give rise to; none for a healthy run.</summary>
    /// <param name="metrics">What the epoch measured; epoch 0, the untrained network, gives none.</param>
    /// <param name="featureDimension">Width of the encoder's features.</param>
    /// <param name="images">Images that the effective rank was measured on.</param>
    public static IReadOnlyList<string> Of(EpochMetrics metrics, int featureDimension, int images)
    {
        List<string> warnings = [];
        // An untrained network maps all images close together: that is no fault.
        if (metrics.Epoch == 0) return warnings;

        if (metrics.LargestComponent is > GiantComponent)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture,
                $"One component holds {metrics.LargestComponent:P0} of a batch: the weak labels call most images alike and teach little. Try a larger --batch, a smaller --beta, or --method simclr."));
        }

        if (metrics.EffectiveRank is { } rank && rank < Math.Min(Math.Max(CollapsedRank, CollapsedShare * featureDimension), CollapsedShareOfImages * (images - 1)))
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture,
                $"The features use about {rank:0.0} of {featureDimension} dimensions: they are collapsing, so that images can hardly be told apart. Try a lower --lr, a longer --warmup-epochs, or a larger --batch."));
        }
        else if (metrics.Uniformity is { } uniformity and > CollapsedUniformity) // measured in every epoch; one line says it
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture,
                $"The uniformity of the projections is {uniformity:0.00;-0.00;0.00}, where 0 is that of images which are all alike: they are collapsing, so that images can hardly be told apart. Try a lower --lr, a longer --warmup-epochs, or a larger --batch."));
        }

        if (metrics is { InstanceLoss: { } loss } && !double.IsFinite(loss))
            warnings.Add("The instance loss is not a finite number. Try a lower --lr or --precision fp32.");

        return warnings;
    }
}
