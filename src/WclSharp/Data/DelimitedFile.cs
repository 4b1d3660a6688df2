using System.Text;

namespace WclSharp.Data;

/// <summary>A row of a list.</summary>
/// <param name="Line">Number of the line that it begins on, from 1.</param>
/// <param name="Path">The path, with '/' between its parts.</param>
/// <param name="Literal">The path with '\' where the list has it.</param>
/// <param name="Label">The class, its letters and marks together; null for none.</param>
internal readonly record struct ListRow(int Line, string Path, string Literal, string? Label);

/// <summary>
/// Rows of a CSV or TSV file of one or two columns, <c>path</c> and <c>label</c>. Fields may be quoted as in RFC 4180, and then run over lines. A first row of
/// column names is passed over.
/// </summary>
internal static class DelimitedFile
{
    private const int LongestPath = 4096, LongestField = 1 << 16; // a quotation mark that is not closed takes in all that follows
    private static readonly string[] PathTitles = ["path", "file", "filename", "file_name", "image", "name"];
    private static readonly string[] LabelTitles = ["label", "labels", "class", "classes", "class_name", "category", "species", "target"];

    /// <summary>A field as it stands in a CSV file: in quotes where it has to be.</summary>
    public static string Quote(string field) =>
        field.AsSpan().IndexOfAny(",\"\r\n") < 0 && field.AsSpan().Trim().Length == field.Length ? field : $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>
    /// A path as it stands in a CSV file that people open in a spreadsheet, which would take what begins with one of these signs for a formula: "./" goes in front, which reading takes away.
    /// </summary>
    public static string QuotePath(string path) => Quote(path.Length > 0 && path[0] is '=' or '+' or '-' or '@' or '\t' ? $"./{path}" : path);

    /// <summary>Reads the rows one by one: blank lines are left out, '\' in paths becomes '/', a leading "./" goes.</summary>
    /// <param name="file">The file.</param>
    /// <param name="isUnknownHeader">Asked of a first row without known column names, whose path is no image file's: whether it is a header all the same.</param>
    /// <exception cref="WclUsageException">The file cannot be read, or a line is malformed; the message has its number.</exception>
    public static IEnumerable<ListRow> Read(string file, Func<ListRow, bool>? isUnknownHeader = null)
    {
        using var reader = Open(file);
        var lines = new TextLines(reader);
        var fields = new List<string>();
        int columns = 0;
        char separator = file.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';
        while (NextLine(lines, file) is { } text)
        {
            int line = lines.Number;
            if (string.IsNullOrWhiteSpace(text)) continue;
            if (columns == 0 && separator == ',') separator = SeparatorOf(text, () => NextLine(lines, file, take: false));
            Split(text, separator, fields, file, lines);
            if (fields.Count > 2) throw Malformed(file, line, $"has {fields.Count} columns; expected path{separator}label. Quote a path that holds the separator");
            bool first = columns == 0;
            if (first) columns = fields.Count;
            if (fields.Count != columns) throw Malformed(file, line, $"has {fields.Count} column{(fields.Count == 1 ? "" : "s")} where the first row has {columns}");
            if (first && IsHeader(fields)) continue;

            string path = Normalise(fields[0]);
            if (path.Length == 0) throw Malformed(file, line, "has no path");
            if (path.Length > LongestPath) throw Malformed(file, line, FormattableString.Invariant($"has a path of {path.Length:N0} characters, where {LongestPath:N0} are the most"));
            string? label = fields.Count < 2 || string.IsNullOrWhiteSpace(fields[1]) ? null : ComposedText.Of(fields[1]);
            var row = new ListRow(line, path, WithoutDots(fields[0], ['/', '\\']), label);
            if (first && isUnknownHeader is not null && !ImageFormats.HasImageName(path) && isUnknownHeader(row)) continue;
            yield return row;
        }
    }

    /// <summary>
    /// What stands between the columns of a first row: ',', a tab, or the ';' of spreadsheets where numbers have a comma in them. The one that follows an image file's
    /// name or a title, else ',' or a tab where there is one, else ';' where that of the row below follows an image file's name: titles are not always known.
    /// </summary>
    private static char SeparatorOf(string row, Func<string?> below)
    {
        foreach (char separator in ",\t;")
            if (FollowsAPath(row, separator)) return separator;
        // A path may have a ';', too.
        foreach (char separator in ",\t")
            if (OutsideQuotes(row, separator) >= 0) return separator;
        int at = OutsideQuotes(row, ';');
        if (at <= 0 || int.IsOddInteger(row.Count(c => c == '"'))) return ','; // a title that goes on in the row below
        return LabelTitles.Contains(row[(at + 1)..].Trim().Trim('"').ToLowerInvariant()) || (below() is { } next && FollowsAPath(next, ';')) ? ';' : ',';
    }

    private static bool FollowsAPath(string row, char separator) =>
        OutsideQuotes(row, separator) is > 0 and var at && row[..at].Trim().Trim('"') is var field && (PathTitles.Contains(field.ToLowerInvariant()) || ImageFormats.HasImageName(field));

    /// <summary>Where a sign first stands in a row, but in quoted fields; -1 for nowhere.</summary>
    private static int OutsideQuotes(string row, char sign)
    {
        bool quoted = false, begins = true; // only a field's beginning opens quotes
        for (int at = 0, closed = -2; at < row.Length; at++)
        {
            char c = row[at];
            if (!quoted && c == sign) return at;
            if (c == '"' && quoted) (quoted, closed) = (false, at);
            else if (c == '"') quoted = begins || at == closed + 1; // two in a quoted field stand for one
            begins = !quoted && (c is ',' or ';' or '\t' || (begins && c == ' '));
        }
        return -1;
    }

    /// <summary>Whether a first row has the columns' names: that of a path, or, where the path is no image file's, that of a label.</summary>
    private static bool IsHeader(List<string> fields) =>
        PathTitles.Contains(fields[0].Trim().ToLowerInvariant())
        || (fields.Count == 2 && LabelTitles.Contains(fields[1].Trim().ToLowerInvariant()) && !ImageFormats.HasImageName(fields[0].Trim()));

    /// <summary>A path in the form that images are named by: '/' between the parts, no "./" in front.</summary>
    public static string Normalise(string path) => WithoutDots(path.Replace('\\', '/'), ['/']);

    private static string WithoutDots(string path, ReadOnlySpan<char> separators)
    {
        while (path.Length > 1 && path[0] == '.' && separators.Contains(path[1])) path = path[2..].TrimStart(separators.ToArray());
        return path;
    }

    private static StreamReader Open(string file)
    {
        try
        {
            return new StreamReader(file, new UTF8Encoding(false, throwOnInvalidBytes: true));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"The list '{file}' cannot be read: {e.Message}", e);
        }
    }

    private static string? NextLine(TextLines lines, string file, bool take = true)
    {
        try
        {
            return take ? lines.Next() : lines.Peek();
        }
        catch (DecoderFallbackException e)
        {
            throw new WclUsageException($"The list '{file}' is not UTF-8 text; save it as UTF-8, which a spreadsheet calls CSV UTF-8.", e);
        }
        catch (IOException e)
        {
            throw new WclUsageException($"The list '{file}' cannot be read: {ErrorText.Of(e)}.", e);
        }
    }

    /// <summary>Splits a row into its fields; reads on where a quoted one runs over lines.</summary>
    private static void Split(string text, char separator, List<string> fields, string file, TextLines lines)
    {
        int line = lines.Number;
        fields.Clear();
        for (int at = 0; at <= text.Length;)
        {
            int start = PastBlanks(at);
            if (start < text.Length && text[start] == '"')
            {
                var field = new StringBuilder();
                for (at = start + 1; ; at++)
                {
                    if (at >= text.Length)
                    {
                        field.Append(lines.Ending);
                        if (field.Length > LongestField || NextLine(lines, file) is not { } next) throw Malformed(file, line, "has a quotation mark that is not closed");
                        (text, at) = (next, -1);
                    }
                    else if (text[at] != '"') field.Append(text[at]);
                    else if (at + 1 < text.Length && text[at + 1] == '"') field.Append(text[at++]);
                    else break;
                }
                at = PastBlanks(at + 1);
                if (at < text.Length && text[at] != separator) throw Malformed(file, line, "goes on after a closing quotation mark");
                fields.Add(field.ToString());
                at++;
            }
            else
            {
                int end = text.IndexOf(separator, at);
                if (end < 0) end = text.Length;
                fields.Add(text[at..end].Trim());
                at = end + 1;
            }
        }

        int PastBlanks(int from)
        {
            while (from < text.Length && text[from] is ' ' or '\t' && text[from] != separator) from++;
            return from;
        }
    }

    private static WclUsageException Malformed(string file, int line, string what) => new($"'{file}', line {line}: the line {what}.");
}
