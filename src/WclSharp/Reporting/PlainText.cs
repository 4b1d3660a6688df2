namespace WclSharp.Reporting;

/// <summary>
/// Text as a terminal may show it, without what would move its cursor, change its colours or its title: names of files, classes and tensors, which come from others, are in many lines that
/// are printed.
/// </summary>
internal static class PlainText
{
    private const char Replacement = '\uFFFD';

    /// <summary>The text with control characters replaced, but for line breaks and tabs.</summary>
    public static string Of(string text) => text.Any(IsUnwanted) ? string.Concat(text.Select(letter => IsUnwanted(letter) ? Replacement : letter)) : text;

    /// <summary>The text in one line, with all control characters replaced.</summary>
    public static string Line(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(letter => char.IsControl(letter) ? Replacement : letter)) : text;

    private static bool IsUnwanted(char letter) => char.IsControl(letter) && letter is not ('\n' or '\r' or '\t');
}
