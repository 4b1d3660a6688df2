using System.Text.Json;
using WclSharp.Training;

namespace WclSharp.Configuration;

/// <summary>
/// One option of <c>wcl pretrain</c>: what the command line, <c>--help</c>, the configuration file and the check of
/// values are all derived from.
/// </summary>
/// <param name="name">Name on the command line, without dashes.</param>
/// <param name="description">What it is, in one line.</param>
/// <param name="defaultText">The default, for people: a value, or where it comes from.</param>
internal abstract class PretrainOption(string name, string description, string defaultText)
{
    public string Name { get; } = name;

    public string Description { get; } = description;

    public string DefaultText { get; } = defaultText;

    /// <summary>Key in a configuration file.</summary>
    public string Key => Name.Replace('-', '_');

    /// <summary>Whether a run that is resumed may be given another value, since the result does not depend on it.</summary>
    public bool MayChangeOnResume { get; init; }

    /// <summary>Whether the option names the run itself, so that it has no place in the run's configuration.</summary>
    public bool NamesRun { get; init; }

    /// <summary>Whether the value is the path of a file or folder.</summary>
    public bool IsPath { get; init; }

    /// <summary>The one method that the option belongs to; null for all.</summary>
    public ContrastiveMethod? OnlyFor { get; init; }

    /// <summary>The numbers that it takes; null for other options, and for those that take any.</summary>
    public NumberRange? Range { get; init; }

    /// <summary>What stands for the value in help; empty for a flag.</summary>
    public abstract string Placeholder { get; }

    /// <summary>Sets the option from text of the command line.</summary>
    /// <exception cref="WclUsageException">The text is no value of the option.</exception>
    public abstract PretrainOptions Parse(PretrainOptions options, string text);

    /// <summary>Sets the option from a configuration file.</summary>
    /// <param name="options">What to set it in.</param>
    /// <param name="json">The value; null changes nothing.</param>
    /// <param name="file">The file, for the message.</param>
    /// <exception cref="WclUsageException">The value is none of the option's.</exception>
    public abstract PretrainOptions Read(PretrainOptions options, JsonElement json, string file);

    /// <summary>Writes key and value, or nothing where the option is not set.</summary>
    public abstract void Write(Utf8JsonWriter writer, PretrainOptions options);

    /// <summary>The value as it stands on a command line; null where it is not set.</summary>
    public abstract string? Show(PretrainOptions options);

    /// <summary>Checks the value that is set.</summary>
    /// <exception cref="WclUsageException">It is out of range.</exception>
    public abstract void Validate(PretrainOptions options);
}

/// <summary>An option whose value has type <typeparamref name="T"/>.</summary>
/// <param name="name">Name on the command line, without dashes.</param>
/// <param name="description">What it is, in one line.</param>
/// <param name="defaultText">The default, for people.</param>
/// <param name="value">Text and JSON form.</param>
/// <param name="isSet">Reads the property; false where it is null.</param>
/// <param name="set">A copy with the property set.</param>
/// <param name="complaint">Null for a good value, else what it must be and what to do: <c>must be above zero</c>.</param>
internal sealed class PretrainOption<T>(
    string name,
    string description,
    string defaultText,
    OptionValue<T> value,
    PretrainOption<T>.Getter isSet,
    Func<PretrainOptions, T, PretrainOptions> set,
    Func<T, string?>? complaint = null) : PretrainOption(name, description, defaultText)
{
    public delegate bool Getter(PretrainOptions options, out T value);

    public override string Placeholder => value.Placeholder;

    public override PretrainOptions Parse(PretrainOptions options, string text) => value.TryParse(text, out T parsed)
        ? set(options, Checked(parsed))
        : throw new WclUsageException($"--{Name} is \"{text}\"; expected {value.ExpectedOf(text)}.");

    public override PretrainOptions Read(PretrainOptions options, JsonElement json, string file)
    {
        if (json.ValueKind == JsonValueKind.Null) return options;
        if (value.TryRead(json, out T read)) return set(options, Checked(read));
        throw new WclUsageException($"\"{Key}\" in {file} is {json.GetRawText()}; expected {value.ExpectedOf(json.GetRawText())}.");
    }

    public override void Write(Utf8JsonWriter writer, PretrainOptions options)
    {
        if (!isSet(options, out T current)) return;
        writer.WritePropertyName(Key);
        value.Write(writer, current);
    }

    public override string? Show(PretrainOptions options) => isSet(options, out T current) ? value.Show(current) : null;

    public override void Validate(PretrainOptions options)
    {
        if (isSet(options, out T current)) Checked(current);
    }

    private T Checked(T candidate) => complaint?.Invoke(candidate) is { } problem
        ? throw new WclUsageException(problem.StartsWith("must", StringComparison.Ordinal)
            ? $"--{Name} is {value.Show(candidate)}; it {problem}."
            : problem)
        : candidate;
}
