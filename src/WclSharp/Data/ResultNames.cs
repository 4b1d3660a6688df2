namespace WclSharp.Data;

/// <summary>The files by which a folder of results is known: pictures in one are no training images.</summary>
internal static class ResultNames
{
    /// <summary>What a run, a comparison and a study have, beside one of <see cref="Records"/>.</summary>
    public const string Config = "config.json";

    /// <summary>The picture that <c>wcl suggest</c> writes beside its list.</summary>
    public const string Sheet = "suggestions.png";

    /// <summary>That list.</summary>
    public const string SuggestionList = "suggestions.csv";

    /// <summary>The folder of a run's, a comparison's and a study's pictures.</summary>
    public const string Plots = "plots";

    /// <summary>What they record.</summary>
    public static readonly string[] Records = ["train.log", "metrics.jsonl", "compare.json", "draws.jsonl"];
}
