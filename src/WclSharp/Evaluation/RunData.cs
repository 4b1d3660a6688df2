using WclSharp.Training;

namespace WclSharp.Evaluation;

/// <summary>Which images a finished run is measured on.</summary>
internal static class RunData
{
    /// <summary>The run's data, or other data than the run's.</summary>
    /// <param name="trained">The run's options.</param>
    /// <param name="data">Other images; null is the run's.</param>
    /// <param name="test">Images to test with; null is the run's, or a part of <paramref name="data"/>.</param>
    /// <param name="labels">List of classes; null is the run's, or none where there are other images.</param>
    public static PretrainOptions Asked(PretrainOptions trained, string? data, string? test, string? labels) => data is null
        ? Reading(trained) with { Test = test ?? trained.Test, Labels = labels ?? trained.Labels }
        : Reading(trained) with { Data = data, Test = test, Labels = labels, Limit = null };

    /// <summary>How to read: unreadable images are left out with a warning, and what does not fit into memory goes to the disk that the run had it on.</summary>
    private static PretrainOptions Reading(PretrainOptions trained) =>
        trained with { MaxBad = 1, CacheFolder = new[] { trained.CacheFolder, trained.Out }.FirstOrDefault(CanWrite) };

    private static bool CanWrite(string? folder)
    {
        if (!Directory.Exists(folder)) return false;
        try
        {
            using var file = new FileStream(Path.Combine(folder, $".wcl-{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // such as a run on a medium that cannot be written: the system's folder it is
        }
    }
}
