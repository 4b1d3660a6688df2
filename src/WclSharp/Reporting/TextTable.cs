namespace WclSharp.Reporting;

/// <summary>Rows as lines of text with columns of fixed width.</summary>
internal static class TextTable
{
    private const int LongestName = 40;

    /// <summary>A name without its middle where it would push the numbers out of sight: it is mostly the end that tells long names apart.</summary>
    public static string ShortName(string name, int longest = LongestName)
    {
        if (name.Length <= longest) return name;
        int front = (longest - 2) / 2, back = longest - 2 - front;
        // Never half of a letter of two.
        if (char.IsHighSurrogate(name[front - 1])) front--;
        if (char.IsLowSurrogate(name[^back])) back--;
        return $"{name[..front]}..{name[^back..]}";
    }

    /// <summary>A line of titles, and one for each row; numbers to the right.</summary>
    /// <param name="columns">Title and content of each column.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="namesFirst">Whether the first column holds names, which go to the left.</param>
    public static IReadOnlyList<string> Lines<T>(IReadOnlyList<(string Title, Func<T, string> Cell)> columns, IEnumerable<T> rows, bool namesFirst)
    {
        string[][] cells = [[.. columns.Select(column => column.Title)], .. rows.Select(row => columns.Select((column, i) => i == 0 && namesFirst ? ShortName(PlainText.Line(column.Cell(row))) : PlainText.Line(column.Cell(row))).ToArray())];
        int[] widths = [.. Enumerable.Range(0, columns.Count).Select(i => cells.Max(line => line[i].Length))];
        return [.. cells.Select(line => string.Join("  ", line.Select((cell, i) => i == 0 && namesFirst ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))))];
    }
}
