using System.Text;

namespace WclSharp.Data;

/// <summary>
/// Rows of a CSV or TSV file of one or two columns, <c>path</c> and <c>label</c>. Fields may be quoted as in RFC 4180; a
/// quoted field does not run over lines. A first row of column names is passed over.
/// </summary>
internal static class DelimitedFile
{
    private const int LongestPath = 4096;
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
    /// <exception cref="WclUsageException">The file cannot be read, or a line is malformed; the message has its number.</exception>
    public static IEnumerable<(int Line, string Path, string? Label)> Read(string file)
    {
        using var reader = Open(file);
        var fields = new List<string>();
        int line = 0, columns = 0;
        char separator = file.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';
        while (ReadLine(reader, file) is { } text)
        {
            line++;
            if (string.IsNullOrWhiteSpace(text)) continue;
            if (columns == 0 && separator == ',') separator = SeparatorOf(text);
            Split(text, separator, fields, file, line);
            if (fields.Count > 2) throw Malformed(file, line, $"has {fields.Count} columns; expected path{separator}label. Quote a path that holds the separator");
            bool first = columns == 0;
            if (first) columns = fields.Count;
            if (fields.Count != columns) throw Malformed(file, line, $"has {fields.Count} column{(fields.Count == 1 ? "" : "s")} where the first row has {columns}");
            if (first && IsHeader(fields)) continue;

            string path = Normalise(fields[0]);
            if (path.Length == 0) throw Malformed(file, line, "has no path");
            if (path.Length > LongestPath) throw Malformed(file, line, $"has a path of {path.Length:N0} characters, where {LongestPath:N0} are the most");
            string? label = fields.Count < 2 || string.IsNullOrWhiteSpace(fields[1]) ? null : fields[1];
            yield return (line, path, label);
        }
    }

    /// <summary>What stands between the columns of a first row: ',', or else a tab, or the ';' of spreadsheets where numbers have a comma in them.</summary>
    private static char SeparatorOf(string row)
    {
        if (row.Contains(',')) return ',';
        if (row.Contains('\t')) return '\t';
        if (!row.Contains(';')) return ',';
        // A path may have one, too.
        string first = row.Split(';')[0].Trim().Trim('"');
        return PathTitles.Contains(first.ToLowerInvariant()) || ImageFormats.HasImageName(first) ? ';' : ',';
    }

    /// <summary>Whether a first row has the columns' names: that of a path, or, where the path is no image file's, that of a label.</summary>
    private static bool IsHeader(List<string> fields) =>
        PathTitles.Contains(fields[0].Trim().ToLowerInvariant())
        || (fields.Count == 2 && LabelTitles.Contains(fields[1].Trim().ToLowerInvariant()) && !ImageFormats.HasImageName(fields[0].Trim()));

    /// <summary>A path in the form that images are named by: '/' between the parts, no "./" in front.</summary>
    public static string Normalise(string path)
    {
        path = path.Replace('\\', '/');
        while (path.StartsWith("./", StringComparison.Ordinal)) path = path[2..].TrimStart('/');
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

    private static string? ReadLine(StreamReader reader, string file)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (Exception e) when (e is IOException or DecoderFallbackException)
        {
            throw new WclUsageException($"The list '{file}' is not UTF-8 text: {e.Message}", e);
        }
    }

    private static void Split(string text, char separator, List<string> fields, string file, int line)
    {
        fields.Clear();
        for (int at = 0; at <= text.Length;)
        {
            if (at < text.Length && text[at] == '"')
            {
                var field = new StringBuilder();
                for (at++; ; at++)
                {
                    if (at >= text.Length) throw Malformed(file, line, "has a quotation mark that is not closed");
                    if (text[at] != '"') field.Append(text[at]);
                    else if (at + 1 < text.Length && text[at + 1] == '"') field.Append(text[at++]);
                    else break;
                }
                at++;
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
    }

    private static WclUsageException Malformed(string file, int line, string what) => new($"'{file}', line {line}: the line {what}.");
}
