using WclSharp.Data;
using WclSharp.Training;

namespace WclSharp.Evaluation;

/// <summary>Test images among others, by their files: what is tested with is not to be learnt from.</summary>
internal static class ImagesToTest
{
    /// <summary>Images that are not among those to test with; null where that is all, as where either lies in an archive, whose images are no files of their own. Links are not followed.</summary>
    /// <param name="images">The images.</param>
    /// <param name="data">Where they are from.</param>
    /// <param name="test">Where those to test with are.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>A part of the images, possibly none of them, which shares their pixels.</returns>
    /// <exception cref="WclUsageException">Those to test with cannot be listed.</exception>
    public static ImageDataset? LeaveOut(ImageDataset images, string? data, string test, CancellationToken cancellation)
    {
        int[] tested = Among(images, data, test, cancellation);
        return tested.Length == 0 ? null : images.Subset([.. Enumerable.Range(0, images.Count).Except(tested)]);
    }

    /// <summary><see cref="LeaveOut"/>, and tells how many.</summary>
    /// <param name="images">The images.</param>
    /// <param name="data">Where they are from.</param>
    /// <param name="test">Where those to test with are.</param>
    /// <param name="what">What is done with the others, as a participle.</param>
    /// <param name="progress">Told of them; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WclUsageException">Those to test with cannot be listed.</exception>
    public static ImageDataset? LeaveOutOf(ImageDataset images, string? data, string test, string what, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        var others = LeaveOut(images, data, test, cancellation);
        if (others is not null)
            progress?.Report(new RunProgress.Warning(FormattableString.Invariant($"Not {what}, since they are test images ('{test}'): {images.Count - others.Count:N0} of {images.Count:N0} images.")));
        return others;
    }

    /// <summary>The same of what a run tested with, which nobody named now: where that cannot be listed any more, nothing is left out.</summary>
    /// <inheritdoc cref="LeaveOutOf"/>
    public static ImageDataset? LeaveOutOfRun(ImageDataset images, string? data, string test, string what, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        try
        {
            return LeaveOutOf(images, data, test, what, progress, cancellation);
        }
        catch (WclUsageException e)
        {
            progress?.Report(new RunProgress.Warning($"The run's test images may be {what}, since they cannot be told: {e.Message}"));
            return null;
        }
    }

    /// <summary>Places of the images that are among those to test with, in their order.</summary>
    /// <inheritdoc cref="LeaveOut"/>
    public static int[] Among(ImageDataset images, string? data, string test, CancellationToken cancellation)
    {
        var files = Files(data, test, cancellation);
        if (files.Count == 0) return [];
        using var own = ImageSources.Open(data);
        return [.. Enumerable.Range(0, images.Count).Where(i => files.Contains(Path.GetFullPath(own.FileOf(images.NameOf(i))!)))];
    }

    /// <summary>Whether a run has learnt from some of the test images, as far as their paths tell: where it held out a part of its own, these may be among them.</summary>
    /// <param name="run">Its options.</param>
    /// <param name="test">Where the test images are.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WclUsageException">Its images, or those to test with, cannot be listed.</exception>
    public static bool MayBeLearntBy(PretrainOptions run, string test, CancellationToken cancellation) =>
        CountOf(run, test, cancellation) is { } count ? count > 0 : Overlap(run.Data, test) && !SamePath.Is(run.Test, test);

    /// <summary>How many of the test images are a run's own, without those that it tested with itself; null where either lies in an archive, whose images are no files.</summary>
    /// <inheritdoc cref="MayBeLearntBy"/>
    public static int? CountOf(PretrainOptions run, string test, CancellationToken cancellation)
    {
        if (SamePath.Is(run.Test, test)) return 0;
        using var own = ImageSources.Open(run.Data);
        using (var tests = ImageSources.Open(test))
            if (tests.FileOf("image") is null || own.FileOf("image") is null) return null;
        var files = Files(run.Data, test, cancellation);
        if (run.Test is not null) files.ExceptWith(Files(run.Data, run.Test, cancellation));
        if (files.Count == 0) return 0;
        int count = 0;
        foreach (var image in own.Images(_ => false))
        {
            cancellation.ThrowIfCancellationRequested();
            if (files.Contains(Path.GetFullPath(own.FileOf(image.Name)!))) count++;
        }
        return count;
    }

    /// <summary>Whether two sources are the same or one holds the other; no path is the embedded images.</summary>
    public static bool Overlap(string? one, string? other) => SamePath.Is(one, other) || SamePath.Holds(one, other) || SamePath.Holds(other, one);

    /// <summary>Full paths of the files to test with that may be among others; none where either lies in an archive.</summary>
    /// <param name="data">Where the others are from.</param>
    /// <param name="test">Where those to test with are.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WclUsageException">Those to test with cannot be listed.</exception>
    public static HashSet<string> Files(string? data, string test, CancellationToken cancellation)
    {
        var files = new HashSet<string>(SamePath.Comparer);
        if (Directory.Exists(data) && Directory.Exists(test) && !SamePath.Is(test, data) && !SamePath.IsInside(test, data) && !SamePath.IsInside(data, test)) return files; // nothing of the one is in the other
        using var own = ImageSources.Open(data);
        using var tests = ImageSources.Open(test);
        if (tests.FileOf("image") is null || own.FileOf("image") is null) return files;
        foreach (var image in tests.Images(_ => false))
        {
            cancellation.ThrowIfCancellationRequested();
            string file = Path.GetFullPath(tests.FileOf(image.Name)!);
            if (!Directory.Exists(data) || SamePath.IsInside(file, data)) files.Add(file);
        }
        return files;
    }
}
