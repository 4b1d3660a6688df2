using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>Names of methods, as <c>--method</c> of <c>wcl pretrain</c> takes them.</summary>
internal static class MethodNames
{
    private static readonly PretrainOption Option = PretrainOptionTable.Find("method")!;

    /// <summary>Every name.</summary>
    public static IReadOnlyList<string> All { get; } = Option.Placeholder.Split('|');

    public static string Of(ContrastiveMethod method) => Option.Show(new PretrainOptions { Method = method })!;

    /// <summary>Methods of a list with commas.</summary>
    /// <exception cref="WclUsageException">A name is unknown; the message has the nearest known one.</exception>
    public static IReadOnlyList<ContrastiveMethod> Parse(string list)
    {
        string[] names = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (names.Length == 0) throw new WclUsageException($"--methods names none; give a list with commas of {string.Join(", ", All)}.");
        return [.. names.Select(One)];
    }

    private static ContrastiveMethod One(string name) => All.Contains(name.ToLowerInvariant())
        ? Option.Parse(new PretrainOptions(), name).Method
        : throw new WclUsageException($"There is no method \"{name}\"; did you mean {NearestName.Find(name, All)}? --methods takes {string.Join(", ", All)}.");
}
