using WclSharp.Configuration;

namespace WclSharp.Cli.Commands;

/// <summary>Options whose value is one of a few names.</summary>
internal static class ChoiceText
{
    /// <summary>The member that a text names; null where there is none.</summary>
    /// <param name="text">What was given; null for nothing.</param>
    /// <param name="option">The option's name, for messages.</param>
    /// <exception cref="WclUsageException">It names no member.</exception>
    public static T? Parse<T>(string? text, string option)
        where T : struct, Enum
    {
        if (text is null) return null;
        var choice = OptionValue.Choice<T>();
        return choice.TryParse(text, out var value) ? value : throw new WclUsageException($"{option} is \"{text}\"; expected {choice.Expected}.");
    }
}
