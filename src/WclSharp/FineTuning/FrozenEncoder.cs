using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.FineTuning;

/// <summary>
/// What labels give with the encoder as it is: kNN and a linear probe on its features, which do not change from draw to draw. They are computed of finished draws too: a study that was stopped
/// has the same batches, and so the same features, as one that was not.
/// </summary>
internal sealed class FrozenEncoder : IDisposable
{
    private readonly ImageDataset train, test;
    private readonly long seed;
    private readonly IProgress<RunProgress>? progress;
    private readonly CancellationToken cancellation;
    private readonly int[] place; // row of each training image among those of the gallery; meaningless where no draw takes it
    private readonly Tensor gallery = null!, queries = null!; // [M, F] of the images that any draw takes and [Q, F] of the test images, float32, rows of unit length

    /// <summary>Computes the features.</summary>
    /// <param name="encoderFile">Weights.</param>
    /// <param name="train">Training images.</param>
    /// <param name="draws">Of these, those of each draw.</param>
    /// <param name="test">Test images, each with a label.</param>
    /// <param name="seed">Seed of the linear probe.</param>
    /// <param name="compute">Where and in what format.</param>
    /// <param name="progress">Told how far it is, and of test images that look like copies of training images; may be null.</param>
    /// <param name="cancellation">Stops this and what is measured.</param>
    public FrozenEncoder(string encoderFile, ImageDataset train, IEnumerable<int[]> draws, ImageDataset test, long seed, ComputeDevice compute, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        (this.train, this.test, this.seed, this.progress, this.cancellation) = (train, test, seed, progress, cancellation);
        var taken = new bool[train.Count];
        foreach (int i in draws.SelectMany(drawn => drawn)) taken[i] = true;

        int[] rows = [.. Enumerable.Range(0, taken.Length).Where(i => taken[i])];
        place = new int[taken.Length];
        for (int row = 0; row < rows.Length; row++) place[rows[row]] = row;
        using var all = train.Subset(rows);
        try
        {
            gallery = Features(all, "training");
            queries = Features(test, "test");
            NearDuplicates.Tell(gallery, all, queries, test, progress, cancellation);
        }
        catch
        {
            Dispose();
            throw;
        }

        Tensor Features(ImageDataset images, string which)
        {
            using var encoder = ImageEncoder.Load(encoderFile, compute);
            return FeatureExtractor.Extract(encoder, images, $"{which} images", progress, cancellation);
        }
    }

    /// <summary>Accuracies on the test images with the labels of a draw.</summary>
    /// <param name="drawn">The training images drawn.</param>
    /// <param name="what">What the draw is called, for progress.</param>
    public ((double Share, double? BalancedAccuracy) Knn, (double Share, double? BalancedAccuracy) Linear) Measure(int[] drawn, string what)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var labelled = train.Subset(drawn);
        var rows = Rows.Of(gallery, Array.ConvertAll(drawn, i => place[i]));
        var knn = LabelledKnn.Measure(rows, labelled, queries, test, KnnClassifier.DefaultK(drawn.Length), cancellation)!.Value;
        void Tell(int epochs) => progress.Working($"Linear classifier, {what}, epochs", epochs, LinearProbe.Epochs);
        Tell(0);
        var linear = LinearProbe.Measure(rows, labelled, queries, test, seed, Tell, cancellation)!;
        return (knn, (linear.Top1, linear.BalancedAccuracy));
    }

    public void Dispose()
    {
        gallery?.Dispose();
        queries?.Dispose();
    }
}
