namespace WclSharp.Configuration;

/// <summary>Values of options that are lists with commas.</summary>
internal static class ListText
{
    /// <summary>The items of a list, without blanks around them.</summary>
    /// <param name="text">What was given.</param>
    /// <param name="option">The option's name, for the message.</param>
    /// <exception cref="WclUsageException">An item is empty.</exception>
    public static string[] Items(string text, string option)
    {
        string[] items = text.Split(',', StringSplitOptions.TrimEntries);
        int empty = items.IndexOf("");
        if (empty < 0) return items;
        throw new WclUsageException(string.IsNullOrWhiteSpace(text)
            ? $"{option} is empty; give a list with commas."
            : $"{option} is \"{text}\", whose item {empty + 1} is empty; write a value there, or leave out its comma.");
    }
}
