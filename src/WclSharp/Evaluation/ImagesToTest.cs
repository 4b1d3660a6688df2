using WclSharp.Data;

namespace WclSharp.Evaluation;

/// <summary>Images to test with among others, by their files: what is tested with is not to be learnt from.</summary>
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

    /// <summary>Places of the images that are among those to test with, in their order.</summary>
    /// <inheritdoc cref="LeaveOut"/>
    public static int[] Among(ImageDataset images, string? data, string test, CancellationToken cancellation)
    {
        var files = Files(data, test, cancellation);
        if (files.Count == 0) return [];
        using var own = ImageSources.Open(data);
        return [.. Enumerable.Range(0, images.Count).Where(i => files.Contains(Path.GetFullPath(own.FileOf(images.NameOf(i))!)))];
    }

    /// <summary>How many images of a source are among some files.</summary>
    public static int CountAmong(string? data, IReadOnlySet<string> files, CancellationToken cancellation)
    {
        if (files.Count == 0) return 0;
        using var own = ImageSources.Open(data);
        int count = 0;
        foreach (var image in own.Images(_ => false))
        {
            cancellation.ThrowIfCancellationRequested();
            if (files.Contains(Path.GetFullPath(own.FileOf(image.Name)!))) count++;
        }
        return count;
    }

    /// <summary>Full paths of the files to test with that may be among others; none where either lies in an archive.</summary>
    /// <param name="data">Where the others are from.</param>
    /// <param name="test">Where those to test with are.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WclUsageException">Those to test with cannot be listed.</exception>
    public static HashSet<string> Files(string? data, string test, CancellationToken cancellation)
    {
        var files = new HashSet<string>(SamePath.Comparer);
        if (Directory.Exists(data) && Directory.Exists(test) && !SamePath.IsInside(test, data) && !SamePath.IsInside(data, test)) return files; // nothing of the one is in the other
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
