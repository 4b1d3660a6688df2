namespace WclSharp.Comparisons;

/// <summary>A run of a comparison whose training diverged: <c>diverged.json</c> in its folder. It has no figures.</summary>
public sealed record DivergedRun
{
    /// <summary>Method, as on the command line.</summary>
    public required string Method { get; init; }

    /// <summary>Seed of everything random in the run.</summary>
    public required long Seed { get; init; }

    /// <summary>Run folder, relative to the comparison's.</summary>
    public required string Folder { get; init; }

    /// <summary>What was not finite, and when.</summary>
    public required string Message { get; init; }
}
