using WclSharp.Data;

namespace WclSharp.Training;

/// <summary>Tells how far reading is as part of a run.</summary>
/// <param name="progress">Told.</param>
internal sealed class ReadingRelay(IProgress<RunProgress> progress) : IProgress<ReadingProgress>
{
    /// <summary>A relay; null where nobody is told.</summary>
    public static ReadingRelay? To(IProgress<RunProgress>? progress) => progress is null ? null : new(progress);

    public void Report(ReadingProgress value) => progress.Working(value.Stage, value.Done, value.Total);
}
