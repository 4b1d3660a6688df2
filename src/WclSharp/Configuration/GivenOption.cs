namespace WclSharp.Configuration;

/// <summary>Checks of what a program can give as an option and a command line cannot: a member that an enumeration has not, and text that is missing or empty.</summary>
internal static class GivenOption
{
    /// <summary>Null for a member of an enumeration, else what is wrong.</summary>
    public static string? Problem<T>(T value, string option)
        where T : struct, Enum => Enum.IsDefined(value) ? null : $"{option} is {value:D}; expected {OptionValue.Choice<T>().Expected}.";

    /// <exception cref="WclUsageException">The value is no member of its enumeration.</exception>
    public static void RequireMember<T>(T? value, string option)
        where T : struct, Enum
    {
        if (value is { } given && Problem(given, option) is { } problem) throw new WclUsageException(problem);
    }

    /// <exception cref="WclUsageException">The text is missing or empty.</exception>
    public static void RequireText(string? text, string option, string advice)
    {
        if (string.IsNullOrEmpty(text)) throw new WclUsageException($"{option} is empty; {advice}.");
    }

    /// <exception cref="WclUsageException">A text is empty, which null is not.</exception>
    public static void RequireNotEmpty(params ReadOnlySpan<(string Option, string? Text)> options)
    {
        foreach (var (option, text) in options)
            if (EmptyProblem(text, option) is { } problem) throw new WclUsageException(problem);
    }

    /// <summary>What is wrong with text that is empty; null where it is not.</summary>
    public static string? EmptyProblem(string? text, string option) => text is "" ? $"{option} is empty; leave it out, or give a path." : null;
}
