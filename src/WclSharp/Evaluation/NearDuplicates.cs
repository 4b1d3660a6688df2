using TorchSharp;
using WclSharp.Data;
using WclSharp.Kernels;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>
/// Test images that look like copies of training images, such as frames of one burst or slices of one scan: what is right of these says nothing of other bursts.
/// </summary>
internal static class NearDuplicates
{
    /// <summary>Cosine from which on two images may be copies; their pixels have to be alike, too (<see cref="Thumbnails"/>).</summary>
    public const double LeastSimilarity = 0.99;

    private const int Nearest = 5, MostLookedAt = 2000;
    private const double Many = 0.05; // of those looked at
    private const double MostOfContrast = 0.25; // all images in which little is to be seen have pixels alike

    /// <summary>Counts them, and warns where there are many.</summary>
    /// <inheritdoc cref="Count"/>
    public static (int Found, int LookedAt) Tell(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        var copies = Count(gallery, train, queries, test, progress, cancellation);
        if (Warning(copies.Found, copies.LookedAt) is { } warning) progress?.Report(new RunProgress.Warning(warning));
        return copies;
    }

    /// <summary>Counts them.</summary>
    /// <param name="gallery">Features of <paramref name="train"/>, [M, F], rows of unit length.</param>
    /// <param name="train">Training images; those without a class do not count.</param>
    /// <param name="queries">Features of <paramref name="test"/>, [Q, F], likewise.</param>
    /// <param name="test">Test images, likewise.</param>
    /// <param name="progress">Told how many are looked at; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>How many there are, and how many images were looked at: all, or some of many, evenly.</returns>
    public static (int Found, int LookedAt) Count(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int[] voters = LabelledRows.Places(train), classified = LabelledRows.Places(test);
        int count = Math.Min(classified.Length, MostLookedAt), k = Math.Min(Nearest, voters.Length), found = 0;
        if (k == 0) return (0, count);
        gallery = LabelledRows.Of(gallery, train).Features;
        int[] rows = [.. Enumerable.Range(0, count).Select(i => classified[(int)((long)i * classified.Length / count)])];
        var asked = Rows.Of(queries, rows);                                                                     // [q, F]
        Thumbnails tested = new(test), learnt = new(train);
        foreach (var (start, size) in RowTiles.Of(count, gallery.size(0), gallery.dtype, gallery.device))
        {
            cancellation.ThrowIfCancellationRequested();
            progress.Working("Looking for near-duplicates of training images among the test images", start, count);
            using var tile = NewDisposeScope();
            var (cosines, places) = asked.narrow(0, start, size).mm(gallery.t()).topk(k, 1);                // [t, k]
            float[] cosine = cosines.to(ScalarType.Float32).cpu().data<float>().ToArray();
            long[] place = places.cpu().data<long>().ToArray();
            for (int i = 0; i < size; i++)
            {
                int row = rows[(int)start + i], first = i * k;
                var alike = Enumerable.Range(first, k).Where(at => cosine[at] >= LeastSimilarity);
                if (alike.Any(at => tested.Difference(row, learnt, voters[(int)place[at]]) <= Math.Min(Thumbnails.MostOfCopies, MostOfContrast * tested.Contrast(row)))) found++;
            }
        }
        progress.Working("Looking for near-duplicates of training images among the test images", count, count);
        return (found, count);
    }

    /// <summary>A warning where there are many; null otherwise.</summary>
    public static string? Warning(int found, int lookedAt) => found == 0 || found < Many * lookedAt ? null : FormattableString.Invariant(
        $"{found:N0} of {lookedAt:N0} test images {(found == 1 ? "looks like a near-duplicate" : "look like near-duplicates")} of training images: where these are frames of one burst, slices of one scan or photographs of one thing, accuracies are higher than those on new ones; hold whole series back, with --test. Photographs of one product can look so without being copies.");
}
