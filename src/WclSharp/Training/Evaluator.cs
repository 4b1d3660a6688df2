using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Reporting;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>Measures an encoder between epochs: kNN where classes are known, effective rank always.</summary>
internal sealed class Evaluator(PretrainingData data, ResNet encoder, Augmenter augmenter, PretrainOptions options, Device device,
    IProgress<RunProgress>? progress, CancellationToken cancellation) : IDisposable
{
    private const int MostForRank = 2048, SheetRows = 10, SheetNeighbors = 8;

    // The rank of M images is at most M - 1: below, training images tell it, of which there are more.
    private const int FewestHeldOutForRank = 512;

    private Tensor? kept; // of all training images, [N, F], by weights that are still the network's

    private bool IsRankOfHeldOut => data.HeldOut is { Count: >= FewestHeldOutForRank };

    /// <summary>Images that the effective rank is measured on.</summary>
    public int ImagesForRank => IsRankOfHeldOut ? data.HeldOut!.Count : Math.Min(data.Train.Count, MostForRank);

    /// <summary>Adds what is measured to an epoch's metrics.</summary>
    public EpochMetrics Measure(EpochMetrics metrics)
    {
        if (data.HeldOut is null)
        {
            using var sample = FeaturesOf(SampleOf(data.Train.Count, MostForRank));
            return metrics with { EffectiveRank = FeatureQuality.RankOf(sample) };
        }

        // Those that vote and those that the rank is measured on: of many images, few may have a label.
        int[] forRank = IsRankOfHeldOut ? [] : SampleOf(data.Train.Count, MostForRank);
        int[] rows = [.. LabelledRows.Places(data.Train).Union(forRank).Order()];
        using var looked = data.Train.Subset(rows);
        using var gallery = FeaturesOf(rows);
        using var queries = Features(data.HeldOut);
        var votes = data.Train.HasLabels ? LabelledKnn.Predict(gallery, looked, queries, data.HeldOut, options.KnnK!.Value, progress, cancellation) : null;
        (double Share, double BalancedAccuracy)? knn = votes is var (predicted, truth) ? LabelledRows.Measure(predicted, truth) : null;
        if (votes is var (taken, classes) && metrics.Epoch == options.Epochs)
        {
            NearDuplicates.Tell(gallery, looked, queries, data.HeldOut, progress, cancellation);
            if (LabelledKnn.Outvoted(looked, options.KnnK!.Value, LabelledKnn.ByClass(looked, data.HeldOut, classes, taken)) is { } outvoted) progress?.Report(new RunProgress.Warning(outvoted));
        }
        return metrics with
        {
            Knn = knn?.Share,
            KnnBalancedAccuracy = knn?.BalancedAccuracy,
            EffectiveRank = IsRankOfHeldOut ? FeatureQuality.RankOf(queries) : RankOf(gallery, Array.ConvertAll(forRank, i => Array.BinarySearch(rows, i))),
        };
    }

    private static double RankOf(Tensor gallery, int[] places)
    {
        using var some = Rows.Of(gallery, places);
        return FeatureQuality.RankOf(some);
    }

    /// <summary>
    /// Features of the training images, [N, F] float32, rows of unit length, to be read only; the caller owns them. They are computed once, for whoever asks and
    /// for <see cref="Measure"/>, until <see cref="Forget"/>.
    /// </summary>
    public Tensor TrainFeatures() => (kept ??= Features(data.Train)).alias();

    /// <summary>Frees the features of the training images: before the weights change.</summary>
    public void Forget()
    {
        kept?.Dispose();
        kept = null;
    }

    /// <summary>Features of some training images, in ascending order of their places.</summary>
    private Tensor FeaturesOf(int[] places)
    {
        if (kept is not null) return places.Length == data.Train.Count ? kept.alias() : Rows.Of(kept, places);
        using var images = data.Train.Subset(places);
        return Features(images);
    }

    /// <summary>Draws some held-out images beside the training images that the encoder finds most alike.</summary>
    public void DrawNeighbors(string path)
    {
        bool among = data.HeldOut is null;
        NeighborSheet.Write(path, Neighbors(), among ? "Images and their nearest others" : "Held-out images and their nearest training images", among ? "trained on" : "held out");
        WarnOfNames(data.Train.ClassNames);
    }

    /// <summary>The rows of that sheet.</summary>
    internal IReadOnlyList<SheetRow> Neighbors()
    {
        var from = data.HeldOut ?? data.Train;
        using var shown = Sample(from, SheetRows);
        using var queries = Features(shown);
        // Where nothing is held out, an image is among its nearest, though not always first where it has a copy: it is left out.
        bool among = data.HeldOut is null;
        using var nearest = new NearestSoFar(queries, SheetNeighbors + (among ? 1 : 0));
        FeatureExtractor.ForEachBlock(encoder, augmenter, data.Train, device, nearest.Add, Progress(data.Train), cancellation);
        return [.. nearest.Result().Select((found, q) => new SheetRow(Show(shown, q),
            [.. found.Index.Zip(found.Cosine).Where(pair => !among || pair.First != Sampled(q, shown.Count, from.Count)).Take(SheetNeighbors).Select(pair => new SheetNeighbor(Show(data.Train, pair.First), pair.Second, Agree(shown.Labels[q], data.Train.Labels[pair.First])))]))];
    }

    private void WarnOfNames(IReadOnlyList<string> names)
    {
        if (PictureNames.Warning(names, names.Select((_, label) => PictureNames.Of(names, label))) is { } warning) progress?.Report(new RunProgress.Warning(warning));
    }

    private Tensor Features(ImageDataset images) => FeatureExtractor.Extract(encoder, augmenter, images, device, Progress(images), cancellation);

    private Action<int> Progress(ImageDataset images) => done => progress.Working("Computing features", done, images.Count);

    private static ImageDataset Sample(ImageDataset images, int most) => images.Subset(SampleOf(images.Count, most));

    /// <summary>Places of so many of all images at most, evenly spread, in their order.</summary>
    private static int[] SampleOf(int all, int most)
    {
        int count = Math.Min(all, most);
        return [.. Enumerable.Range(0, count).Select(i => Sampled(i, count, all))];
    }

    /// <summary>Which of all images is number i of so many.</summary>
    private static int Sampled(int i, int count, int all) => (int)((long)i * all / count);

    private static SheetImage Show(ImageDataset images, int index)
    {
        int label = images.Labels[index];
        return SheetImage.Of(images, index, label < 0 ? null : PictureNames.Of(images.ClassNames, label));
    }

    private static bool? Agree(int one, int other) => one < 0 || other < 0 ? null : one == other;

    public void Dispose() => Forget();
}
