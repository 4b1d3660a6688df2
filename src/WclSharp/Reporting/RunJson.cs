using System.Text.Json;
using System.Text.Json.Serialization;
using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>The JSON form of what a run folder holds: snake_case keys, what was not measured left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    // A loss that is not finite must not take the log down with it.
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(EpochMetrics))]
[JsonSerializable(typeof(RunSummary))]
internal sealed partial class RunJson : JsonSerializerContext;
