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
        ? trained with { Test = test ?? trained.Test, Labels = labels ?? trained.Labels, CacheFolder = null }
        : trained with { Data = data, Test = test, Labels = labels, Limit = null, CacheFolder = null };
}
