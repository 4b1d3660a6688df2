using WclSharp.Data;
using WclSharp.Evaluation;

namespace WclSharp.Training;

/// <summary>Sets images apart to test with: those that <c>--test</c> names, or a part of those with a class.</summary>
internal static class HeldOutImages
{
    private const double Share = 0.2;
    private const int Most = 10_000, LeastToSplit = 10;

    /// <summary>Reads the images of <c>--test</c>, and leaves those of its files that are among the others out of these.</summary>
    /// <param name="all">Everything that was read from <c>--data</c>.</param>
    /// <param name="data">Where that is.</param>
    /// <param name="request">As that was read, with the path of <c>--test</c>, the known classes and where unreadable images are listed.</param>
    /// <param name="owned">Takes what the caller disposes of.</param>
    /// <param name="reading">Told how far reading is; may be null.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <returns>What is left to train on, null for all, and what is tested with.</returns>
    /// <exception cref="WclUsageException">Nothing is left to train on, or none of the test images has a known class.</exception>
    public static (ImageDataset? Train, ImageDataset? HeldOut) Named(
        ImageDataset all, string? data, DatasetOptions request, ICollection<IDisposable> owned, IProgress<ReadingProgress>? reading, CancellationToken cancellation)
    {
        // The memory is that of both: the second gets what the first has left.
        long left = all.IsMemoryMapped ? request.CacheBytes : Math.Max(0, request.CacheBytes - all.PixelBytes);
        var heldOut = ImageDataset.Read(request with { Labels = null, Limit = null, OtherClasses = true, CacheBytes = left }, reading, cancellation);
        owned.Add(heldOut);
        var train = ImagesToTest.LeaveOut(all, data, request.Path!, cancellation);
        if (train is not null) owned.Add(train);
        if (train?.Count == 0 && all.PassedOver == 0) throw new WclUsageException($"All images of {all.Source} are test images (--test {request.Path}), and none is left to train on; name others.");
        if (request.ClassNames is { } known && !IsKnown(heldOut, known))
        {
            string[] names = [.. LabelWarnings.ClassesOf(heldOut).Order(StringComparer.Ordinal)];
            throw new WclUsageException($"None of the test images' classes ({ClassCatalog.Few(names)}) is among the known ones ({ClassCatalog.Few(known)}); name images of the known classes with --test.");
        }

        return (train, heldOut);
    }

    /// <summary>Sets a part of the images with a class apart: a fifth, 10,000 at most. Those without one are all trained on, since nothing is measured with them.</summary>
    /// <param name="all">Everything that was read from <c>--data</c>.</param>
    /// <param name="seed">Chooses the part.</param>
    /// <param name="known">The known classes; null where there are none.</param>
    /// <param name="owned">Takes what the caller disposes of.</param>
    /// <returns>The two parts; nulls where nothing could be measured with one, so that all images are trained on.</returns>
    public static (ImageDataset? Train, ImageDataset? HeldOut) Split(ImageDataset all, long seed, IReadOnlyList<string>? known, ICollection<IDisposable> owned)
    {
        if (all.LabelledCount < LeastToSplit || !CanHoldOut(all)) return (null, null);
        var (train, heldOut) = all.SplitLabelled(Math.Min(Share, Most / (double)all.LabelledCount), seed);
        if (known is null || IsKnown(heldOut, known))
        {
            owned.Add(train);
            owned.Add(heldOut);
            return (train, heldOut);
        }

        train.Dispose();
        heldOut.Dispose();
        return (null, null);
    }

    /// <summary>Whether an image is not the only one of its class, so that it can be held out.</summary>
    private static bool CanHoldOut(ImageDataset images)
    {
        var met = new HashSet<int>();
        foreach (int label in images.Labels)
            if (label >= 0 && !met.Add(label)) return true;
        return false;
    }

    /// <summary>Whether no image has a class, or some class is known.</summary>
    private static bool IsKnown(ImageDataset tests, IReadOnlyList<string> known) => !LabelWarnings.ClassesOf(tests).Any() || LabelWarnings.ClassesOf(tests).Intersect(known).Any();
}
