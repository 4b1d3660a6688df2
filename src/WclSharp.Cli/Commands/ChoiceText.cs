using System.CommandLine;
using WclSharp.Configuration;

namespace WclSharp.Cli.Commands;

/// <summary>Options whose value is one of a few names.</summary>
internal static class ChoiceText
{
    /// <summary>The member that an option names; null where it is not given.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="option">The option; a message has the name that it is given by, which may be an alias.</param>
    /// <exception cref="WclUsageException">It names no member.</exception>
    public static T? Parse<T>(ParseResult parsed, Option<string> option)
        where T : struct, Enum
    {
        if (parsed.GetValue(option) is not { } text) return null;
        var choice = OptionValue.Choice<T>();
        return choice.TryParse(text, out var value) ? value : throw new WclUsageException($"{parsed.GetResult(option)?.IdentifierToken?.Value ?? option.Name} is \"{text}\"; expected {choice.Expected}.");
    }
}
