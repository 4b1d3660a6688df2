namespace WclSharp.Training;

/// <summary>Tells how far a stage is.</summary>
internal static class WorkingProgress
{
    /// <summary>Reports <see cref="RunProgress.Working"/>.</summary>
    /// <param name="progress">Told; may be null.</param>
    /// <param name="stage">What is being done, for people.</param>
    /// <param name="done">Units done.</param>
    /// <param name="total">Units in all; null where not known yet.</param>
    public static void Working(this IProgress<RunProgress>? progress, string stage, long done, long? total) => progress?.Report(new RunProgress.Working(stage, done, total));
}
