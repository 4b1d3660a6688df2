using WclSharp.Data;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Evaluation;

/// <summary>Images to test with among others, by their files.</summary>
internal static class ImagesToTest
{
    /// <summary>Images that are not among those to test with. Null where that is all.</summary>
    /// <param name="images">The images.</param>
    /// <param name="data">Where they are from.</param>
    /// <param name="test">Where those to test with are.</param>
    /// <param name="ofRun">Whether nobody asked for these now, so that it is no error where they cannot be told.</param>
    /// <param name="progress">Told the warning; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    public static ImageDataset? LeaveOut(ImageDataset images, string? data, string test, bool ofRun, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        var files = new HashSet<string>(SamePath.Comparer);
        using var own = ImageSources.Open(data);
        try
        {
            using var tests = ImageSources.Open(test);
            if (tests.FileOf("image") is null || own.FileOf("image") is null) return null; // in an archive they have no files of their own
            foreach (var image in tests.Images(_ => false))
            {
                cancellation.ThrowIfCancellationRequested();
                files.Add(Path.GetFullPath(tests.FileOf(image.Name)!));
            }
        }
        catch (WclUsageException e) when (ofRun)
        {
            progress?.Report(new RunProgress.Warning($"The run's images to test with may be suggested, since they cannot be told: {e.Message}"));
            return null;
        }
        int[] untested = [.. Enumerable.Range(0, images.Count).Where(i => !files.Contains(Path.GetFullPath(own.FileOf(images.NameOf(i))!)))];
        if (untested.Length == images.Count) return null;
        progress?.Report(new RunProgress.Warning(FormattableString.Invariant($"Not suggested, since they are to test with ('{test}'): {images.Count - untested.Length:N0} of {images.Count:N0} images.")));
        return images.Subset(untested);
    }
}
