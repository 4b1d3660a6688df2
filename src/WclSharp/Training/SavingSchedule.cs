using System.Diagnostics;

namespace WclSharp.Training;

/// <summary>When a run writes checkpoints: one that is killed loses what it did since the last.</summary>
internal sealed class SavingSchedule
{
    // Where an epoch is short beside it, as on a GPU, saving takes this share of the time at most.
    private const double LargestShare = 0.03;
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(0.1);

    private TimeSpan took; // what the last checkpoint took
    private long saved;    // when it was there

    /// <summary>Time since the last checkpoint after which one is written within an epoch, which may take hours.</summary>
    public TimeSpan LongestUnsaved { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Whether one is written at the end of an epoch.</summary>
    public bool IsDue => took <= Short || Stopwatch.GetElapsedTime(saved) >= took / LargestShare;

    /// <summary>Whether one is written within an epoch.</summary>
    public bool IsOverdue => Stopwatch.GetElapsedTime(saved) >= LongestUnsaved;

    /// <summary>Training begins: there is nothing to lose yet.</summary>
    public void Begin() => saved = Stopwatch.GetTimestamp();

    /// <summary>One was written.</summary>
    /// <param name="start">When that began, by <see cref="Stopwatch.GetTimestamp"/>.</param>
    public void Saved(long start)
    {
        saved = Stopwatch.GetTimestamp();
        took = Stopwatch.GetElapsedTime(start, saved);
    }
}
