using System.Text.Json.Nodes;

namespace WclSharp.Comparisons;

/// <summary>Which options the runs of a comparison have in common, and in which they differ.</summary>
/// <param name="Common">Options that every run resolved to the same value.</param>
/// <param name="Differing">The others: option, then method, or run where those of a method differ, to its value; null where it has none.</param>
internal sealed record ComparisonSettings(JsonObject Common, JsonObject Differing)
{
    private static readonly string[] OfEachRun = ["method", "seed"];

    /// <summary>Compares the options of runs.</summary>
    /// <param name="runs">Method, name and resolved options (the content of config.json) of every run, 1 or more.</param>
    public static ComparisonSettings Of(IReadOnlyList<(string Method, string Run, JsonObject Options)> runs)
    {
        JsonObject common = [], differing = [];
        foreach (string key in runs.SelectMany(run => run.Options.Select(option => option.Key)).Distinct().Except(OfEachRun))
        {
            if (AllEqual(runs, key)) common[key] = runs[0].Options[key]?.DeepClone();
            else differing[key] = ByMethod(runs, key);
        }
        return new(common, differing);
    }

    private static JsonObject ByMethod(IReadOnlyList<(string Method, string Run, JsonObject Options)> runs, string key)
    {
        JsonObject values = [];
        foreach (var method in runs.GroupBy(run => run.Method))
        {
            if (AllEqual([.. method], key)) values[method.Key] = method.First().Options[key]?.DeepClone();
            else foreach (var run in method) values[run.Run] = run.Options[key]?.DeepClone();
        }
        return values;
    }

    private static bool AllEqual(IReadOnlyList<(string Method, string Run, JsonObject Options)> runs, string key) =>
        runs.All(run => JsonNode.DeepEquals(run.Options[key], runs[0].Options[key]));
}
