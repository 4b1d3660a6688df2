namespace WclSharp.Training;

/// <summary>Says when a run writes checkpoints. A run that is killed loses what it did since the last one, and writing one takes time.</summary>
/// <remarks><see cref="PretrainingRun"/> asks at three moments: after a step within an epoch, after an epoch's last step before the epoch is measured, and after it was measured.</remarks>
/// <param name="clock">Tells the time; null is the system's clock.</param>
internal sealed class SavingSchedule(TimeProvider? clock = null)
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(0.1);

    private readonly TimeProvider clock = clock ?? TimeProvider.System;
    private TimeSpan lastTook; // how long the last checkpoint took to write
    private long lastSaved;    // when it was written; until the first, when training began

    /// <summary>A checkpoint is written within an epoch, which may take hours, when the last one is as old as this.</summary>
    public TimeSpan LongestUnsaved { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>A checkpoint is written before an epoch is measured when the last one is as old as this.</summary>
    public TimeSpan WorthKeeping { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>Saving takes this share of the time at most, also where epochs are short, as on a GPU.</summary>
    public double LargestShare { get; set; } = 0.03;

    /// <summary>Whether a checkpoint is written after a step within an epoch.</summary>
    public bool IsDueWithinEpoch => SinceLast >= LongestUnsaved;

    /// <summary>Whether a checkpoint is written after an epoch's last step, before the epoch is measured, which may take long and fail.</summary>
    public bool IsDueBeforeMeasuring => SinceLast >= WorthKeeping && IsDueAfterMeasuring;

    /// <summary>Whether a checkpoint is written after an epoch was measured.</summary>
    public bool IsDueAfterMeasuring => lastTook <= Short || SinceLast >= lastTook / LargestShare;

    /// <summary>Begins to count the time: there is nothing to lose before training.</summary>
    public void Begin() => lastSaved = clock.GetTimestamp();

    /// <summary>Writes a checkpoint.</summary>
    /// <param name="write">Writes it.</param>
    public void Save(Action write)
    {
        long start = clock.GetTimestamp();
        write();
        lastSaved = clock.GetTimestamp();
        lastTook = clock.GetElapsedTime(start, lastSaved);
    }

    private TimeSpan SinceLast => clock.GetElapsedTime(lastSaved);
}
