namespace WclSharp.Configuration;

/// <summary>Checks of what a program can give as an option and a command line cannot: a member that an enumeration has not, and paths that are missing, empty or none.</summary>
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

    /// <exception cref="WclUsageException">The path is missing or empty, or no path.</exception>
    public static void RequirePath(string? path, string option, string advice)
    {
        if (PathProblem(path ?? "", option, advice) is { } problem) throw new WclUsageException(problem);
    }

    /// <exception cref="WclUsageException">A path is empty, which null is not, or no path.</exception>
    public static void RequirePaths(params ReadOnlySpan<(string Option, string? Path)> options)
    {
        foreach (var (option, path) in options)
            if (PathProblem(path, option) is { } problem) throw new WclUsageException(problem);
    }

    /// <summary>What is wrong with a path that is empty or has the character 0; null where nothing is.</summary>
    public static string? PathProblem(string? path, string option, string advice = "leave it out, or give a path") => path switch
    {
        "" => $"{option} is empty; {advice}.",
        not null when path.Contains('\0') => $"{option} has the character 0, which no path has; {advice}.",
        _ => null,
    };
}
