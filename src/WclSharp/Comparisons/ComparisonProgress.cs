namespace WclSharp.Comparisons;

/// <summary>Something that a comparison reports while it works. Observers match on the derived type.</summary>
public abstract record ComparisonProgress
{
    private ComparisonProgress() { }

    /// <summary>The folder is there, and the runs begin.</summary>
    /// <param name="Folder">Absolute path.</param>
    public sealed record Started(string Folder) : ComparisonProgress;

    /// <summary>A run's turn has come.</summary>
    public sealed record Turn : ComparisonProgress
    {
        /// <summary>Its method.</summary>
        public required string Method { get; init; }

        /// <summary>Its seed.</summary>
        public required long Seed { get; init; }

        /// <summary>Which of all runs it is, from 1.</summary>
        public required int Number { get; init; }

        /// <summary>Number of runs.</summary>
        public required int Total { get; init; }

        /// <summary>Whether there is anything left to do.</summary>
        public required RunState State { get; init; }

        /// <summary>Runs that are still to be trained, this one among them where it is.</summary>
        public required int ToTrain { get; init; }
    }

    /// <summary>A line of progress of the run at work, or of its measurement.</summary>
    /// <param name="Text">The line, for people; without a line break.</param>
    public sealed record Line(string Text) : ComparisonProgress;

    /// <summary>Something that is not as it should be, and does not end the comparison.</summary>
    /// <param name="Text">One sentence or more, for people; without a line break.</param>
    public sealed record Warning(string Text) : ComparisonProgress;

    /// <summary>A run has been trained and measured. One that was measured before the comparison was stopped is not reported again.</summary>
    /// <param name="Run">Its figures, as <c>compared.json</c> in its folder has them.</param>
    public sealed record Measured(ComparedRun Run) : ComparisonProgress;
}

/// <summary>How far a run of a comparison is when its turn comes.</summary>
public enum RunState
{
    /// <summary>It starts.</summary>
    New,

    /// <summary>It was stopped, and goes on.</summary>
    Stopped,

    /// <summary>It is trained; what is left is to measure it.</summary>
    Trained,

    /// <summary>Everything is done: it is left alone.</summary>
    Measured,

    /// <summary>It has diverged, and is left alone: it would do so again.</summary>
    Diverged,
}
