namespace WclSharp.Training;

/// <summary>Something that a run reports while it works. Observers match on the derived type.</summary>
public abstract record RunProgress
{
    private RunProgress() { }

    /// <summary>A stage before or between epochs, such as listing, reading or evaluating.</summary>
    /// <param name="Stage">What is being done, for people.</param>
    /// <param name="Done">Units done.</param>
    /// <param name="Total">Units in all, of images that are read an estimate; null where not known yet.</param>
    public sealed record Working(string Stage, long Done, long? Total) : RunProgress;

    /// <summary>The run is about to train: everything is resolved.</summary>
    /// <param name="Options">Options with nothing left null but what is optional.</param>
    /// <param name="Lines">What the data and network are, for people; one fact a line.</param>
    public sealed record Started(PretrainOptions Options, IReadOnlyList<string> Lines) : RunProgress;

    /// <summary>A training step is done.</summary>
    /// <param name="Epoch">The epoch under way, from 1.</param>
    /// <param name="Epochs">Epochs in all.</param>
    /// <param name="StepInRun">Steps done of the whole run, those before it was stopped and resumed among them; 1 or more.</param>
    /// <param name="StepsInRun">Steps in all.</param>
    /// <param name="InstanceLoss">Mean instance loss of the epoch so far, nats; null where it is not read in this step, as on a GPU in most.</param>
    /// <param name="WeakLoss">Mean weak loss of the epoch so far, nats; null likewise, and where the method has none.</param>
    /// <param name="ImagesPerSecond">Images of the epoch so far by seconds of training, both views of an image counted once.</param>
    /// <param name="DataWait">Share of these seconds spent waiting for data, 0 to 1.</param>
    /// <param name="Remaining">Training time left to the end of the run, at this speed; evaluation left out.</param>
    public sealed record Step(int Epoch, int Epochs, long StepInRun, long StepsInRun, double? InstanceLoss, double? WeakLoss,
        double ImagesPerSecond, double DataWait, TimeSpan Remaining) : RunProgress;

    /// <summary>An epoch (or the evaluation before the first) is done.</summary>
    /// <param name="Metrics">What it measured; its epoch is 0 before training, and its accuracy null where the epoch was not evaluated.</param>
    /// <param name="Epochs">Epochs in all.</param>
    public sealed record EpochDone(EpochMetrics Metrics, int Epochs) : RunProgress;

    /// <summary>Something that a person should know; the run goes on.</summary>
    /// <param name="Message">A sentence or two, for people.</param>
    public sealed record Warning(string Message) : RunProgress;
}
