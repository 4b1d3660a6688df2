using System.Text.Json;
using System.Text.Json.Nodes;

namespace WclSharp.Files;

/// <summary>A setting that results hang on, as a person knows it.</summary>
/// <param name="Key">In the JSON.</param>
/// <param name="Words">What it is called.</param>
/// <param name="CountKey">Of a hash, whose values say nothing: the key of how many there are, told in their place; null where there is none.</param>
internal sealed record ResultSetting(string Key, string Words, string? CountKey = null);

/// <summary>What two settings of results differ in.</summary>
internal static class ResultSettings
{
    /// <summary>Refuses to go on with results of other settings.</summary>
    /// <param name="file">The settings that are there.</param>
    /// <param name="settings">Those of now, as JSON.</param>
    /// <param name="known">What keys are called; another is called as it is.</param>
    /// <exception cref="WclUsageException">They differ, or the file is damaged.</exception>
    public static void RequireSame(string file, byte[] settings, IReadOnlyList<ResultSetting> known)
    {
        string folder = Path.GetDirectoryName(file)!;
        JsonObject there;
        try
        {
            there = JsonNode.Parse(File.ReadAllBytes(file), documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (JsonException e)
        {
            throw new WclUsageException($"{file} is damaged ({ErrorText.Of(e)}); name a new folder with --out.", e);
        }

        string[] differences = [.. Differences(there, JsonNode.Parse(settings)!.AsObject(), known)];
        if (differences.Length > 0)
            throw new WclUsageException($"The folder {folder} holds results of something else: {string.Join("; ", differences)}. Name a new folder with --out.");
    }

    /// <summary>Every setting that differs. How many there are of what is a part of it, and need not have been written down.</summary>
    private static IEnumerable<string> Differences(JsonObject there, JsonObject now, IReadOnlyList<ResultSetting> known)
    {
        foreach (string key in now.Select(pair => pair.Key).Union(there.Select(pair => pair.Key)))
        {
            if (known.Any(setting => setting.CountKey == key) || JsonNode.DeepEquals(there[key], now[key])) continue;
            var setting = known.FirstOrDefault(setting => setting.Key == key) ?? new ResultSetting(key, key);
            var (before, after) = setting.CountKey is { } count ? (there[count], now[count]) : (there[key], now[key]);
            bool told = !IsHash(before) && !IsHash(after) && !(setting.CountKey is not null && (before is null || JsonNode.DeepEquals(before, after)));
            yield return told ? $"{setting.Words} ({Shown(before)}{(setting.CountKey is null ? "" : " with a class")} there, {Shown(after)} now)" : $"other {setting.Words}{(setting.CountKey is not null && after is not null && JsonNode.DeepEquals(before, after) ? $" or their classes, {Shown(after)} with a class both times" : "")}";
        }
    }

    private static bool IsHash(JsonNode? value) => value is JsonValue text && text.TryGetValue(out string? letters) && letters.Length >= 32 && letters.All(char.IsAsciiHexDigit);

    private static string Shown(JsonNode? value) => value?.ToString() ?? "not given";
}
