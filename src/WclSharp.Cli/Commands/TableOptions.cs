using System.CommandLine;
using System.CommandLine.Parsing;
using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary>Options of a command that come from <see cref="PretrainOptionTable"/>: names, help, parsing and checks are the table's.</summary>
/// <param name="command">The command that the options are added to.</param>
internal sealed class TableOptions(Command command)
{
    private readonly List<(PretrainOption Entry, NumberRange? Range, Option Option)> options = [];

    /// <summary>Adds every option of the table.</summary>
    public TableOptions AddAll()
    {
        foreach (var entry in PretrainOptionTable.All) Add(entry, entry.Description, entry.DefaultText);
        return this;
    }

    /// <summary>Adds one option, where its meaning, default or range is the command's own.</summary>
    /// <param name="name">Its name in the table.</param>
    /// <param name="defaultText">The default, for people.</param>
    /// <param name="description">What it is; null is the table's.</param>
    /// <param name="range">The numbers that the command takes, a part of the table's; null is all of these.</param>
    public TableOptions Add(string name, string defaultText, string? description = null, NumberRange? range = null)
    {
        var entry = PretrainOptionTable.Find(name) ?? throw new ArgumentException($"The table has no {name}.", nameof(name));
        Add(entry, description ?? entry.Description, defaultText, range);
        return this;
    }

    /// <summary>The options that a command line gives, with their values.</summary>
    /// <exception cref="WclUsageException">A number is none that the command takes; of others, what reads the values says what is wrong with them.</exception>
    public IReadOnlyList<(PretrainOption Entry, string Text)> Given(ParseResult parsed)
    {
        List<(PretrainOption, string)> given = [];
        foreach (var (entry, range, option) in options)
        {
            if (GivenText(parsed, option) is not { } text) continue;
            if (OptionValue.Real.TryParse(text, out double value)) range?.Require(value, $"--{entry.Name}");
            given.Add((entry, text));
        }
        return given;
    }

    /// <summary>Whether a command line gives an option, as its default may be another than the table's.</summary>
    public bool IsGiven(ParseResult parsed, string name) => Given(parsed).Any(pair => pair.Entry.Name == name);

    /// <summary>Sets what a command line gives.</summary>
    /// <exception cref="WclUsageException">A value is wrong.</exception>
    public PretrainOptions Apply(ParseResult parsed, PretrainOptions over) =>
        Given(parsed).Aggregate(over, (current, pair) => pair.Entry.Parse(current, pair.Text));

    private void Add(PretrainOption entry, string description, string defaultText, NumberRange? range = null)
    {
        description = NumberOption.Describe(description, range ?? entry.Range, defaultText);
        Option option = entry.Placeholder.Length == 0
            ? new Option<bool>($"--{entry.Name}") { Description = description }
            : new Option<string>($"--{entry.Name}") { Description = description, HelpName = entry.Placeholder };
        options.Add((entry, range, option));
        command.Add(option);
    }

    private static string? GivenText(ParseResult parsed, Option option) => parsed.GetResult(option) switch
    {
        null or { Implicit: true } => null,
        OptionResult result when option is Option<bool> flag => result.GetValue(flag) ? "true" : "false",
        OptionResult result => result.GetValue((Option<string>)option),
    };
}
