using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>
/// Names of compared methods: as <c>--method</c> of <c>wcl pretrain</c> takes them, and with <c>+</c> and a value of
/// <c>--multi-crop</c> behind where a method has local crops of its own, as in <c>wcl+knn</c>.
/// </summary>
internal static class MethodNames
{
    private const char Plus = '+';
    private static readonly PretrainOption Method = PretrainOptionTable.Find("method")!, Crops = PretrainOptionTable.Find("multi-crop")!;

    /// <summary>Every method by itself.</summary>
    public static IReadOnlyList<string> All { get; } = Method.Placeholder.Split('|');

    /// <summary>What may stand behind a plus.</summary>
    public static IReadOnlyList<string> AllCrops { get; } = Crops.Placeholder.Split('|');

    public static string Of(ComparedMethod method)
    {
        string name = Method.Show(new PretrainOptions { Method = method.Method })!;
        return method.Crops is { } crops ? $"{name}{Plus}{Crops.Show(new PretrainOptions { MultiCrop = crops })}" : name;
    }

    /// <summary>Methods of a list with commas.</summary>
    /// <exception cref="WclUsageException">A name is empty or unknown; the message has the nearest known one.</exception>
    public static IReadOnlyList<ComparedMethod> Parse(string list) => string.IsNullOrWhiteSpace(list)
        ? throw new WclUsageException($"--methods names none; give a list with commas of {string.Join(", ", All)}.")
        : [.. ListText.Items(list, "--methods").Select(One)];

    private static ComparedMethod One(string name)
    {
        string[] parts = name.ToLowerInvariant().Split(Plus, 2);
        if (!All.Contains(parts[0]))
            throw new WclUsageException($"There is no method \"{parts[0]}\"{NearestName.Question(parts[0], All)} --methods takes {string.Join(", ", All)}, each also with +standard or +knn for local crops.");
        var method = Method.Parse(new PretrainOptions(), parts[0]).Method;
        if (parts.Length == 1) return method;
        if (!AllCrops.Contains(parts[1]))
            throw new WclUsageException($"There are no local crops \"{parts[1]}\" (in \"{name}\"){NearestName.Question(parts[1], AllCrops, crops => $"{parts[0]}+{crops}")} There are {string.Join(", ", AllCrops)}.");
        return new ComparedMethod(method, Crops.Parse(new PretrainOptions(), parts[1]).MultiCrop);
    }
}
