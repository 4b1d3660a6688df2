using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Features of random crops and flips of a data set's labelled images, new views each epoch.</summary>
internal sealed class AugmentedFeatures : IDisposable
{
    private readonly ImageEncoder encoder;
    private readonly ImageDataset labelled;
    private readonly Augmenter augmenter;
    private readonly Action<int, int>? progress;
    private readonly CancellationToken cancellation;

    private AugmentedFeatures(ImageEncoder encoder, ImageDataset labelled, Augmenter augmenter, Action<int, int>? progress, CancellationToken cancellation) =>
        (this.encoder, this.labelled, this.augmenter, this.progress, this.cancellation) = (encoder, labelled, augmenter, progress, cancellation);

    /// <param name="encoder">Encoder. Not owned.</param>
    /// <param name="images">Images; those without a class are left out. Not owned.</param>
    /// <param name="seed">Seed of the views.</param>
    /// <param name="progress">Told the epoch, from 0, and how many of its images are done; may be null.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static AugmentedFeatures Of(ImageEncoder encoder, ImageDataset images, long seed, Action<int, int>? progress, CancellationToken cancellation) =>
        new(encoder, LabelledRows.Images(images), new Augmenter(encoder.ImageSize, encoder.Normalization, seed, encoder.Device), progress, cancellation);

    /// <summary>Features of an epoch's views, [M, F] float32, rows of unit length. The caller owns it.</summary>
    public Tensor OfEpoch(int epoch) =>
        FeatureExtractor.ExtractViews(encoder.Network, augmenter, AugmentationRecipe.CropAndFlip, epoch, labelled, encoder.Device, done => progress?.Invoke(epoch, done), cancellation);

    public void Dispose() => labelled.Dispose();
}
