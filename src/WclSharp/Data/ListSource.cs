using System.Text;

namespace WclSharp.Data;

/// <summary>Image files that a CSV or TSV list of <c>path,label</c> names, in its order; paths are relative to the list.</summary>
internal sealed class ListSource(string list) : ImageSource
{
    private readonly string folder = Path.GetDirectoryName(Path.GetFullPath(list))!;

    /// <inheritdoc/>
    public override string Description => $"list '{list}'";

    /// <inheritdoc/>
    public override string Expected => "rows of path,label, with paths relative to the list";

    private readonly Dictionary<string, Dictionary<string, string>> composed = new(StringComparer.Ordinal); // by folder
    private string? header, repeated;

    /// <inheritdoc/>
    public override IEnumerable<string> Warnings => new[] { header, repeated }.OfType<string>();

    /// <inheritdoc/>
    public override string? FileOf(string name) => Path.Combine(folder, name);

    /// <inheritdoc/>
    public override IEnumerable<SourceImage> Images(Func<int, bool> wanted)
    {
        header = repeated = null;
        int position = 0;
        var met = new NamesMet();
        foreach (var (line, normal, literal, label) in DelimitedFile.Read(list, IsHeader))
        {
            string path = PathOf(normal, literal);
            if (met.IsAgain(path))
                repeated = FormattableString.Invariant($"{met.Again:N0} row{(met.Again == 1 ? "" : "s")} of '{list}' name{(met.Again == 1 ? "s" : "")} an image that is named above, as line {line} does ('{path}'): it counts again, also where some images are held out to test with; keep one row of each.");
            var image = new SourceImage { Name = path, Class = label };
            yield return wanted(position++) ? image with { File = FileOf(path) } : image;
        }
    }

    /// <summary>Whether a first row names columns, since it names no file.</summary>
    private bool IsHeader(ListRow row)
    {
        if (File.Exists(FileOf(PathOf(row.Path, row.Literal)))) return false;
        header = $"The first row of '{list}' is treated as a header row: '{row.Literal}' is no image file.";
        return true;
    }

    /// <summary>Elsewhere than on Windows a file's name may have '\' in it, as archives made there leave them.</summary>
    private string PathOf(string normal, string literal)
    {
        if (literal != normal && Path.DirectorySeparatorChar != '\\' && File.Exists(FileOf(literal))) return literal;
        if (Ascii.IsValid(normal) || File.Exists(FileOf(normal))) return normal;
        // Spreadsheets and Macs write letters and their marks apart or together as they like, folders otherwise than files.
        string found = "";
        foreach (string part in normal.Split('/'))
        {
            string? name = Path.Exists(FileOf(found + part)) ? part : NamesIn(found).GetValueOrDefault(ComposedText.Of(part));
            if (name is null) return normal;
            found += name + "/";
        }
        return found[..^1];
    }

    /// <summary>What a folder holds, by names whose letters and marks are together; of those alone that have any.</summary>
    private Dictionary<string, string> NamesIn(string under)
    {
        if (composed.TryGetValue(under, out var known)) return known;
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        string path = Path.Combine(folder, under);
        try
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(path))
                if (Path.GetFileName(entry) is var name && !Ascii.IsValid(name)) names.TryAdd(ComposedText.Of(name), name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It may be entered, but not listed: what it holds has the name that the list gives.
        }
        return composed[under] = names;
    }
}
