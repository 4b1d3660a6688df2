using WclSharp.Benchmarking;

namespace WclSharp.Benchmarks.Comparisons;

/// <summary>Something that WclSharp and others are timed at.</summary>
/// <param name="Name">What <c>--only</c> calls it.</param>
/// <param name="Title">What is timed, for people.</param>
/// <param name="Aim">What is aimed at, for people.</param>
/// <param name="Ours">WclSharp.</param>
/// <param name="Peers">The others; none where the aim is a figure of WclSharp's alone.</param>
internal sealed record ComparedPart(string Name, string Title, string Aim, MeasuredProgram Ours, MeasuredProgram[] Peers)
{
    /// <summary>Times faster than the best peer that counts; null where the aim is none of these.</summary>
    public double? TimesFaster { get; init; }

    /// <summary>Peers that the aim is held against, from the first on; null is all.</summary>
    public int? PeersThatCount { get; init; }

    /// <summary>Seconds at most.</summary>
    public double? Seconds { get; init; }

    /// <summary>MiB at most.</summary>
    public double? Mib { get; init; }

    /// <summary>Percent at most of what it prints as such.</summary>
    public double? Percent { get; init; }
}

/// <summary>Figures of a program over the rounds.</summary>
internal sealed record ComparedFigures(MeasuredProgram Program, IReadOnlyList<PrintedFigures> Rounds)
{
    /// <summary>True where it prints images a second, false where seconds.</summary>
    public bool IsRate => Rounds[0].ImagesPerSecond is not null;

    /// <summary>Images a second, or seconds, of every round.</summary>
    public IEnumerable<double> Values => Rounds.Select(round => round.ImagesPerSecond ?? round.Seconds!.Value);

    /// <summary>Median of the rounds.</summary>
    public double Middle => Median.Of(Values);

    /// <summary>Median of the memory, MiB; null where it prints none.</summary>
    public double? Mib => Rounds.All(round => round.Mib is not null) ? Median.Of(Rounds.Select(round => round.Mib!.Value)) : null;

    /// <summary>Median of the percent; null where it prints none.</summary>
    public double? Percent => Rounds.All(round => round.Percent is not null) ? Median.Of(Rounds.Select(round => round.Percent!.Value)) : null;

    /// <summary>How many times as fast this is as another.</summary>
    public double TimesAsFastAs(ComparedFigures other) => IsRate ? Middle / other.Middle : other.Middle / Middle;
}

/// <summary>A part with its figures.</summary>
internal sealed record ComparedResult(ComparedPart Part, ComparedFigures Ours, IReadOnlyList<ComparedFigures> Peers)
{
    /// <summary>Times as fast as the best of the peers that count; null where there is none.</summary>
    public double? Ratio => Peers.Count == 0 ? null : Peers.Take(Part.PeersThatCount ?? Peers.Count).Min(Ours.TimesAsFastAs);

    /// <summary>True where every aim was reached.</summary>
    public bool Reached => (Part.TimesFaster is not { } times || Ratio >= times)
        && (Part.Seconds is not { } seconds || Ours.Middle <= seconds)
        && (Part.Mib is not { } mib || Ours.Mib <= mib)
        && (Part.Percent is not { } percent || Ours.Percent <= percent);
}
