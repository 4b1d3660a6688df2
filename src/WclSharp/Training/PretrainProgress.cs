namespace WclSharp.Training;

/// <summary>Something that a run reports while it works. Observers match on the derived type.</summary>
public abstract record PretrainProgress
{
    private PretrainProgress() { }

    /// <summary>A stage before or between epochs, such as listing, reading or evaluating.</summary>
    /// <param name="Stage">What is being done, for people.</param>
    /// <param name="Done">Units done.</param>
    /// <param name="Total">Units in all; null where not known yet.</param>
    public sealed record Working(string Stage, long Done, long? Total) : PretrainProgress;

    /// <summary>The run is about to train: everything is resolved.</summary>
    /// <param name="Options">Options with nothing left null but what is optional.</param>
    /// <param name="Lines">What the data and network are, for people; one fact a line.</param>
    public sealed record Started(PretrainOptions Options, IReadOnlyList<string> Lines) : PretrainProgress;

    /// <summary>A training step is done.</summary>
    public sealed record Step(int Epoch, int Epochs, long StepInRun, long StepsInRun, double? InstanceLoss, double? WeakLoss,
        double ImagesPerSecond, double DataWait, TimeSpan Left) : PretrainProgress;

    /// <summary>An epoch (or the evaluation before the first) is done.</summary>
    public sealed record EpochDone(EpochMetrics Metrics, int Epochs) : PretrainProgress;

    /// <summary>Something that a person should know; the run goes on.</summary>
    public sealed record Warning(string Message) : PretrainProgress;
}
