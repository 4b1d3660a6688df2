using System.Text.Json;
using System.Text.Json.Nodes;
using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>
/// The options of a comparison as a file, <c>config.json</c>: those of <c>wcl pretrain</c> that were given, with
/// <c>methods</c> and <c>seeds</c>. The same form serves <c>wcl compare --config</c>.
/// </summary>
internal static class ComparisonConfig
{
    /// <summary>Options that a run may change when it goes on, but that would make the runs of a comparison unequal.</summary>
    private static readonly string[] AlsoFixed = ["data", "test", "labels", "init", "seed"];

    /// <summary>How many runs each method may have.</summary>
    public static NumberRange SeedsRange { get; } = new(1, 1000);

    /// <summary>Checks the options by themselves.</summary>
    /// <exception cref="WclUsageException">A value is wrong.</exception>
    public static void Validate(ComparisonOptions options)
    {
        ArgumentNullException.ThrowIfNull(options.Methods);
        ArgumentNullException.ThrowIfNull(options.Training);
        GivenOption.RequirePaths(("--out", options.Out));
        if (options.Training.Epochs == 0) throw new WclUsageException("--epochs 0 trains nothing, so that there is nothing to compare; use 1 or more.");
        foreach (var method in options.Methods)
        {
            GivenOption.RequireMember<ContrastiveMethod>(method.Method, "--methods");
            GivenOption.RequireMember(method.Crops, "--multi-crop");
        }

        if (options.Program is { } program && (program.Count == 0 || program.Contains(null) || program[0].Length == 0))
            throw new WclUsageException("The program of the runs is empty or has an argument that is null; name one that does what wcl does, or leave it null to train in this process.");
        if (options.Methods.Count == 0) throw new WclUsageException($"There is no method to compare; give --methods, a list with commas of {string.Join(", ", MethodNames.All)}.");
        if (options.Methods.GroupBy(method => method).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new WclUsageException($"--methods names {MethodNames.Of(twice.Key)} twice; name it once.");
        SeedsRange.Require(options.Seeds, "--seeds", "3 or more for an interval that says much");
        if (options.Training.Seed > long.MaxValue - options.Seeds) throw new WclUsageException($"--seed {options.Training.Seed} leaves no room for {options.Seeds} seeds; use a smaller one.");
        PretrainOptionTable.Validate(options.Training);
        foreach (var method in options.Methods)
        {
            // Rather now than when its turn comes.
            MultiCropResolution.Require(method.Apply(options.Training));
            Presets.RequireWithoutData(method.Apply(options.Training));
        }
    }

    /// <summary>The file's content.</summary>
    public static byte[] ToJson(ComparisonOptions options)
    {
        var json = JsonNode.Parse(ConfigFile.ToJson(Absolute(options.Training)))!.AsObject();
        json.Remove("method");
        json.Insert(0, "methods", string.Join(',', options.Methods.Select(MethodNames.Of)));
        json.Insert(1, "seeds", options.Seeds);
        return System.Text.Encoding.UTF8.GetBytes(json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    /// <summary>Sets what a file names.</summary>
    /// <exception cref="WclUsageException">It cannot be read, or has an unknown key or a wrong value.</exception>
    public static ComparisonOptions Read(string path, ComparisonOptions options) => Parse(ConfigFile.ReadText(path), options, path);

    /// <summary>Sets what the text of a file names.</summary>
    /// <exception cref="WclUsageException">It is not JSON, or has an unknown key or a wrong value.</exception>
    public static ComparisonOptions Parse(string text, ComparisonOptions options, string path)
    {
        using var document = ConfigFile.ParseDocument(text, path);
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw new WclUsageException($"{path} holds no JSON object; expected {{ \"methods\": \"wcl,simclr\", \"epochs\": 10, ... }}.");
        var json = JsonObject.Create(document.RootElement)!;
        if (json.ContainsKey("method")) throw new WclUsageException($"{path} names \"method\"; a comparison takes several, as \"methods\".");
        if (json.ContainsKey("resume")) throw new WclUsageException($"{path} names \"resume\"; give --resume on the command line.");
        if (Take(json, "methods") is { } methods)
            options = options with { Methods = MethodNames.Parse(methods is JsonValue one && one.TryGetValue(out string? names) ? names : throw Wrong(path, "methods", "a list with commas")) };
        if (Take(json, "seeds") is { } seeds)
            options = options with { Seeds = seeds is JsonValue number && number.TryGetValue(out int count) ? count : throw Wrong(path, "seeds", "a whole number") };
        return options with { Training = ConfigFile.Parse(json.ToJsonString(), options.Training, path) };
    }

    /// <summary>What is asked for, and the methods and seeds that the comparison that is there has already: these only ever grow.</summary>
    public static ComparisonOptions Added(ComparisonOptions started, ComparisonOptions asked) =>
        asked with { Methods = [.. started.Methods.Union(asked.Methods)], Seeds = Math.Max(started.Seeds, asked.Seeds) };

    /// <summary>Refuses options that would make new runs unequal to those of the comparison that is there.</summary>
    /// <exception cref="WclUsageException">One differs; the message names it.</exception>
    public static void RequireSame(ComparisonOptions started, ComparisonOptions asked, string folder)
    {
        PretrainOptions one = Absolute(started.Training), other = Absolute(asked.Training);
        var differing = PretrainOptionTable.All.Where(option => !option.NamesRun && option.Name != "method")
            .Where(option => !option.MayChangeOnResume || AlsoFixed.Contains(option.Name))
            .FirstOrDefault(option => option.Show(one) != option.Show(other));
        if (differing is null) return;
        throw new WclUsageException($"--{differing.Name} {differing.Show(other) ?? "(not given)"} is not what the comparison in {folder} was started with "
            + $"({differing.Show(one) ?? "not given"}); give the same, or only --resume and --out, or start another with another --out.");
    }

    private static JsonNode? Take(JsonObject json, string key)
    {
        var value = json[key];
        json.Remove(key);
        return value;
    }

    private static WclUsageException Wrong(string path, string key, string expected) => new($"\"{key}\" in {path} is not {expected}.");

    private static PretrainOptions Absolute(PretrainOptions options) => PretrainOptionTable.WithFullPaths(options) with { Out = null, Resume = false };
}
