using TorchSharp;
using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Grouping;

/// <summary>Two images whose features and pixels are nearly the same.</summary>
/// <param name="First">Row of the one that comes first.</param>
/// <param name="Second">Row of the other.</param>
/// <param name="Similarity">Cosine of their features, -1 to 1.</param>
/// <param name="PixelDifference">Mean absolute difference of their pixels in small, 0 to 255.</param>
internal readonly record struct AlikePair(int First, int Second, double Similarity, double PixelDifference);

/// <summary>Pairs that look like copies, and images that are like no others, by the nearest neighbours among all images.</summary>
internal sealed record UnusualImages(IReadOnlyList<AlikePair> Copies, IReadOnlyList<(int Row, double Similarity)> Outliers)
{
    private const double Rounding = 1e-6; // of a cosine in float32: two equal rows may miss 1 by as much

    /// <summary>Nearest images that a pair is looked for among, and that say how alone an image is.</summary>
    public const int Nearest = 5;

    private const double OutlierShare = 0.01;
    private const int MostOutliers = 100;

    /// <summary>Finds them.</summary>
    /// <param name="features">[N, F] float32, rows of unit length. Not owned.</param>
    /// <param name="nearest">[N, k] int64, the nearest rows of every row, nearest first; k is <see cref="Nearest"/>, or N - 1 where that is less. Not owned.</param>
    /// <param name="threshold">Cosine from which on two images may be copies, up to 1: features alone cannot tell two plain shirts apart, so their pixels have to be alike, too.</param>
    /// <param name="outliers">How many outliers; null is <see cref="OutlierShare"/> of the images, <see cref="MostOutliers"/> at most.</param>
    /// <param name="pixelDifference">Mean absolute difference of two rows' pixels in small, 0 to 255 (<see cref="Thumbnails"/>).</param>
    /// <param name="progress">Told the images that are done and all of them; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>All copies among nearest images, most alike first; outliers by the mean cosine to their five nearest, least alike first.</returns>
    public static UnusualImages Of(Tensor features, Tensor nearest, double threshold, int? outliers, Func<int, int, double> pixelDifference, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int count = (int)features.size(0), k = (int)nearest.size(1);
        var similarity = NearestImages.Cosines(features, nearest);                                                  // [N, k]
        long[] rows = nearest.cpu().data<long>().ToArray();
        float[] cosines = similarity.cpu().data<float>().ToArray();

        var copies = Enumerable.Range(0, count).Select(Step).SelectMany(i => Enumerable.Range(0, k).Select(j => (Row: i, Other: (int)rows[i * k + j], Cosine: (double)cosines[i * k + j])))
            .Where(pair => pair.Cosine >= threshold - Rounding)
            .Select(pair => (First: Math.Min(pair.Row, pair.Other), Second: Math.Max(pair.Row, pair.Other), pair.Cosine))
            .DistinctBy(pair => (pair.First, pair.Second)).Select(pair => new AlikePair(pair.First, pair.Second, pair.Cosine, pixelDifference(pair.First, pair.Second)))
            .Where(pair => pair.PixelDifference <= Thumbnails.MostOfCopies).OrderBy(pair => pair.PixelDifference).ThenByDescending(pair => pair.Similarity).ThenBy(pair => pair.First).ThenBy(pair => pair.Second);
        var alone = Enumerable.Range(0, count).Select(i => (Row: i, Similarity: Enumerable.Range(0, k).Average(j => (double)cosines[i * k + j])))
            .OrderBy(image => image.Similarity).ThenBy(image => image.Row).Take(outliers ?? Math.Clamp((int)(OutlierShare * count), 1, MostOutliers));
        return new([.. copies], [.. alone]);

        int Step(int image)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Invoke(image + 1, count);
            return image;
        }
    }
}
