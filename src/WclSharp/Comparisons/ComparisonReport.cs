using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using WclSharp.Reporting;

namespace WclSharp.Comparisons;

/// <summary>The content of <c>compare.json</c>: rows, the runs that they are made of, and how.</summary>
internal sealed record ComparisonReport
{
    public required IReadOnlyList<MethodComparison> Methods { get; init; }

    /// <summary>Runs that the rows are made of.</summary>
    public int RunsFinished { get; init; }

    /// <summary>Runs that were asked for.</summary>
    public int RunsPlanned { get; init; }

    /// <summary>Runs that diverged: they are in no row, and differences leave their seeds out.</summary>
    public required IReadOnlyList<DivergedRun> Diverged { get; init; }

    /// <summary>Options that all runs have in common, as they were resolved.</summary>
    public required JsonObject Settings { get; init; }

    /// <summary>Options in which runs differ beside method and seed, each by method.</summary>
    public required JsonObject DifferingSettings { get; init; }

    /// <summary>What the intervals are.</summary>
    public string Interval { get; } = "half-width of the 95 % confidence interval of the mean over seeds, by Student's t distribution: "
        + "t(0.975, n - 1) x sample deviation / sqrt(n); null with one seed, or where all have the same figure";

    /// <summary>What the differences are.</summary>
    public string Difference { get; } = "accuracy less the baseline's of the same seed, mean over the seeds that both have; its half-width is by the same formula, of these differences, and null with one common seed, or where all are the same";

    /// <summary>What overhead is.</summary>
    public string OverheadOver { get; } = "seconds per epoch over those of simclr, by the seeds that both have, computed alike; null without simclr";

    /// <summary>What the linear probe is.</summary>
    public required string LinearProtocol { get; init; }
}

/// <summary>JSON of a comparison: snake_case keys, and null for what was not measured, so that every key is always there.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(ComparisonReport))]
[JsonSerializable(typeof(ComparedRun))]
[JsonSerializable(typeof(DivergedRun))]
internal sealed partial class ComparisonJson : JsonSerializerContext;
