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
    public sealed record Step : RunProgress
    {
        /// <summary>The epoch under way, from 1.</summary>
        public required int Epoch { get; init; }

        /// <summary>Epochs in all.</summary>
        public required int Epochs { get; init; }

        /// <summary>Steps done of the whole run, those before it was stopped and resumed among them; 1 or more.</summary>
        public required long StepInRun { get; init; }

        /// <summary>Steps in all.</summary>
        public required long StepsInRun { get; init; }

        /// <summary>Mean instance loss of the epoch so far, nats; null where it is not read in this step, as on a GPU in most.</summary>
        public double? InstanceLoss { get; init; }

        /// <summary>Mean weak loss of the epoch so far, nats; null likewise, and where the method has none.</summary>
        public double? WeakLoss { get; init; }

        /// <summary>Images of the epoch so far by seconds of training, both views of an image counted once.</summary>
        public required double ImagesPerSecond { get; init; }

        /// <summary>Share of these seconds spent waiting for data, 0 to 1.</summary>
        public required double DataWait { get; init; }

        /// <summary>Training time left to the end of the run, at this speed; evaluation left out.</summary>
        public required TimeSpan Remaining { get; init; }
    }

    /// <summary>An epoch (or the evaluation before the first) is done.</summary>
    /// <param name="Metrics">What it measured; its epoch is 0 before training, and its accuracy null where the epoch was not evaluated.</param>
    /// <param name="Epochs">Epochs in all.</param>
    public sealed record EpochDone(EpochMetrics Metrics, int Epochs) : RunProgress;

    /// <summary>Something that a person should know; the run goes on.</summary>
    /// <param name="Message">A sentence or two, for people.</param>
    public sealed record Warning(string Message) : RunProgress;
}
