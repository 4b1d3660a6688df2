using WclSharp.Reporting;
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

    /// <summary>Reads them, and tells what a person should know.</summary>
    /// <param name="trained">The run's options.</param>
    /// <param name="asked">What <see cref="Asked"/> made of them.</param>
    /// <param name="progress">Told how far reading is, and the warnings; may be null.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <param name="holdOut">As for <see cref="PretrainingData.Read"/>.</param>
    /// <param name="testClasses">As for <see cref="PretrainingData.Read"/>.</param>
    public static PretrainingData Read(
        PretrainOptions trained, PretrainOptions asked, IProgress<PretrainProgress>? progress, CancellationToken cancellation, bool holdOut = true, IReadOnlyList<string>? testClasses = null)
    {
        var data = PretrainingData.Read(asked, folder: null, progress, cancellation, holdOut, testClasses);
        foreach (string warning in Warnings(trained, asked, data)) progress?.Report(new PretrainProgress.Warning(warning));
        return data;
    }

    private static IEnumerable<string> Warnings(PretrainOptions trained, PretrainOptions asked, PretrainingData read)
    {
        foreach (string warning in read.Warnings) yield return warning;
        if (trained.Out is not { } run || RunFolder.ReadSummary(run) is not { DatasetFingerprint: { } fingerprint } || fingerprint == read.Train.Fingerprint) yield break;
        bool same = (Full(asked.Data), Full(asked.Test), Full(asked.Labels), asked.Limit) == (Full(trained.Data), Full(trained.Test), Full(trained.Labels), trained.Limit);
        if (same) yield return "The images are not those that the run was trained on any more, so some that are tested with may have been learnt.";
        else if (read.HeldOut is not null && asked.Test is null && Full(asked.Data) == Full(trained.Data))
            yield return "The images that are tested with are a part of those that the run was pretrained on, without that part held out, so accuracies may be too high; name images that it has not seen with --test.";
    }

    private static string? Full(string? path) => path is null ? null : Path.GetFullPath(path);

    /// <summary>How to read: with this machine's processors, unreadable images are left out with a warning, and what does not fit into memory goes to the disk that the run had it on.</summary>
    private static PretrainOptions Reading(PretrainOptions trained) =>
        trained with { MaxBad = 1, Workers = null, CacheFolder = new[] { trained.CacheFolder, trained.Out }.FirstOrDefault(CanWrite) };

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
