using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WclSharp.Configuration;

/// <summary>
/// The text and JSON forms of one type of option value. Text is what stands on a command line.
/// </summary>
/// <param name="Expected">What a value must be, for error messages: <c>a whole number</c>.</param>
/// <param name="Placeholder">What stands for the value in help: <c>N</c>.</param>
/// <param name="TryParse">Reads text; false where it is no such value.</param>
/// <param name="TryRead">Reads a JSON value; false where it is no such value.</param>
/// <param name="Write">Writes a JSON value.</param>
/// <param name="Show">The value as it stands on a command line.</param>
internal sealed record OptionValue<T>(
    string Expected,
    string Placeholder,
    OptionValue<T>.Parser TryParse,
    OptionValue<T>.Reader TryRead,
    Action<Utf8JsonWriter, T> Write,
    Func<T, string> Show)
{
    public delegate bool Parser(string text, out T value);

    /// <summary>What a whole number must be besides, where only that is wrong: <c> from -10 to 10</c>.</summary>
    public string Bounds { get; init; } = "";

    /// <summary>What a text that is no such value should have been.</summary>
    public string ExpectedOf(string text) => text.TrimStart('-', '+') is { Length: > 0 } digits && digits.All(char.IsAsciiDigit) ? Expected + Bounds : Expected;

    public delegate bool Reader(JsonElement json, out T value);
}

/// <summary>The types of option values.</summary>
internal static class OptionValue
{
    public static OptionValue<string> Text(string placeholder) => new(
        "text",
        placeholder,
        (string text, out string value) => (value = text) is not null, // what an empty one means is for its check to say
        (JsonElement json, out string value) => (value = json.ValueKind == JsonValueKind.String ? json.GetString()! : null!) is not null,
        (writer, value) => writer.WriteStringValue(value),
        value => value);

    public static OptionValue<int> Integer { get; } = new(
        "a whole number",
        "N",
        (string text, out int value) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value),
        (JsonElement json, out int value) =>
        {
            value = 0;
            return json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out value);
        },
        (writer, value) => writer.WriteNumberValue(value),
        value => value.ToString(CultureInfo.InvariantCulture))
    { Bounds = FormattableString.Invariant($" from {int.MinValue} to {int.MaxValue}") };

    public static OptionValue<long> LongInteger { get; } = new(
        "a whole number",
        "N",
        (string text, out long value) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value),
        (JsonElement json, out long value) =>
        {
            value = 0;
            return json.ValueKind == JsonValueKind.Number && json.TryGetInt64(out value);
        },
        (writer, value) => writer.WriteNumberValue(value),
        value => value.ToString(CultureInfo.InvariantCulture))
    { Bounds = FormattableString.Invariant($" from {long.MinValue} to {long.MaxValue}") };

    public static OptionValue<double> Real { get; } = new(
        "a number",
        "X",
        (string text, out double value) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value),
        (JsonElement json, out double value) =>
        {
            value = 0;
            return json.ValueKind == JsonValueKind.Number && json.TryGetDouble(out value) && double.IsFinite(value);
        },
        (writer, value) => writer.WriteNumberValue(value),
        value => value.ToString(CultureInfo.InvariantCulture));

    public static OptionValue<bool> Flag { get; } = new(
        "true or false",
        "",
        (string text, out bool value) => bool.TryParse(text, out value),
        (JsonElement json, out bool value) =>
        {
            value = json.ValueKind == JsonValueKind.True;
            return json.ValueKind is JsonValueKind.True or JsonValueKind.False;
        },
        (writer, value) => writer.WriteBooleanValue(value),
        value => value ? "true" : "false");

    /// <summary>One of an enumeration's members, by its name as <see cref="NameOf"/> gives it.</summary>
    public static OptionValue<T> Choice<T>()
        where T : struct, Enum => Choice(Enum.GetValues<T>().ToDictionary(NameOf));

    /// <summary>A member as it stands on a command line: its <see cref="JsonStringEnumMemberNameAttribute"/>, or its name in lower case.</summary>
    public static string NameOf<T>(T member)
        where T : struct, Enum
    {
        string name = member.ToString();
        return typeof(T).GetField(name)?.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? name.ToLowerInvariant();
    }

    /// <summary>One of a few names.</summary>
    public static OptionValue<string> Name(params string[] names) => Choice(names.ToDictionary(name => name));

    /// <summary>Number formats have two names each; one is taken for the other where only that is an option's value.</summary>
    private static readonly Dictionary<string, string> OtherNames = new() { ["fp32"] = "float32", ["float32"] = "fp32", ["float16"] = "fp16", ["bfloat16"] = "bf16" };

    private static OptionValue<T> Choice<T>(Dictionary<string, T> members)
        where T : notnull
    {
        var names = members.ToDictionary(member => member.Value, member => member.Key);
        bool TryFind(string? text, out T value)
        {
            string name = text?.ToLowerInvariant() ?? "";
            return members.TryGetValue(name, out value!) || (OtherNames.TryGetValue(name, out string? other) && members.TryGetValue(other, out value!));
        }

        return new OptionValue<T>(
            members.Count == 1 ? members.Keys.First() : string.Join(", ", members.Keys.SkipLast(1)) + " or " + members.Keys.Last(),
            string.Join('|', members.Keys),
            TryFind,
            (JsonElement json, out T value) => TryFind(json.ValueKind == JsonValueKind.String ? json.GetString() : null, out value),
            (writer, value) => writer.WriteStringValue(names[value]),
            value => names[value]);
    }
}
