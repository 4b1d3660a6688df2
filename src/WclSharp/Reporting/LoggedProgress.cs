using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>Writes progress to a run's <c>train.log</c>, and passes it on.</summary>
/// <param name="folder">The run.</param>
/// <param name="next">Who else is told; may be null.</param>
internal sealed class LoggedProgress(RunFolder folder, IProgress<RunProgress>? next) : IProgress<RunProgress>
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);
    private readonly PlainProgress log = new(folder.Log, Interval);

    public void Report(RunProgress value)
    {
        log.Report(value);
        next?.Report(value);
    }
}
