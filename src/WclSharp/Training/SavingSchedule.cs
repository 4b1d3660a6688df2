namespace WclSharp.Training;

/// <summary>When a run writes checkpoints: one that is killed loses what it did since the last.</summary>
/// <param name="clock">Where the time comes from; null is the system.</param>
internal sealed class SavingSchedule(TimeProvider? clock = null)
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(0.1);

    private readonly TimeProvider clock = clock ?? TimeProvider.System;
    private TimeSpan took; // what the last checkpoint took
    private long saved;    // when it was there

    /// <summary>Time since the last checkpoint after which one is written within an epoch, which may take hours.</summary>
    public TimeSpan LongestUnsaved { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Time since the last checkpoint after which an epoch is saved before it is measured.</summary>
    public TimeSpan WorthKeeping { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>Where an epoch is short beside it, as on a GPU, saving takes this share of the time at most.</summary>
    public double LargestShare { get; set; } = 0.03;

    /// <summary>Whether one is written at the end of an epoch.</summary>
    public bool IsDue => took <= Short || clock.GetElapsedTime(saved) >= took / LargestShare;

    /// <summary>Whether one is written within an epoch.</summary>
    public bool IsOverdue => clock.GetElapsedTime(saved) >= LongestUnsaved;

    /// <summary>Whether one is written after an epoch's last step, before what it has learnt is measured, which may take long and fail.</summary>
    public bool IsDueBeforeMeasuring => clock.GetElapsedTime(saved) >= WorthKeeping && IsDue;

    /// <summary>Training begins: there is nothing to lose yet.</summary>
    public void Begin() => saved = clock.GetTimestamp();

    /// <summary>Writes one.</summary>
    public void Save(Action write)
    {
        long start = clock.GetTimestamp();
        write();
        saved = clock.GetTimestamp();
        took = clock.GetElapsedTime(start, saved);
    }
}
