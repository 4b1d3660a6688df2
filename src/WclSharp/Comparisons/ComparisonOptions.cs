using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>Which methods to compare, on how many seeds, and how each run trains.</summary>
public sealed record ComparisonOptions
{
    /// <summary>Methods, in the order of the table; each once; two or more, or one to add up its seeds.</summary>
    public required IReadOnlyList<ComparedMethod> Methods { get; init; }

    /// <summary>Runs of each method, 1 to 1,000; 3 or more for an interval that says much. Their seeds count up from the seed of <see cref="Training"/>.</summary>
    public int Seeds { get; init; } = 3;

    /// <summary>Options of every run. Method, seed, run folder and resuming are set for each run.</summary>
    public PretrainOptions Training { get; init; } = new();

    /// <summary>Folder of the comparison; null is <c>runs/compare-</c> with the time of the start.</summary>
    public string? Out { get; init; }

    /// <summary>
    /// Program, with its first arguments, that does what <c>wcl</c> does: every run is a process of its own, so that it
    /// has a peak of memory of its own and starts as cold as every other. Null trains in this process, whose peak says
    /// nothing of a single run and is not reported.
    /// </summary>
    public IReadOnlyList<string>? Program { get; init; }
}
