namespace WclSharp.Data;

/// <summary>Image files that a CSV or TSV list of <c>path,label</c> names, in its order; paths are relative to the list.</summary>
internal sealed class ListSource(string list) : ImageSource
{
    private readonly string folder = Path.GetDirectoryName(Path.GetFullPath(list))!;

    /// <inheritdoc/>
    public override string Description => $"list '{list}'";

    /// <inheritdoc/>
    public override string Expected => "rows of path,label, with paths relative to the list";

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
                repeated = $"{met.Again:N0} row{(met.Again == 1 ? "" : "s")} of '{list}' name{(met.Again == 1 ? "s" : "")} an image that is named above, as line {line} does ('{path}'): it counts again, also where some images are held out to test with; keep one row of each.";
            var image = new SourceImage { Name = path, Class = label };
            yield return wanted(position++) ? image with { File = FileOf(path) } : image;
        }
    }

    /// <summary>Whether a first row names columns, since it names no file.</summary>
    private bool IsHeader(ListRow row)
    {
        if (File.Exists(FileOf(PathOf(row.Path, row.Literal)))) return false;
        header = $"The first row of '{list}' is taken for the names of its columns: '{row.Literal}' is no image file.";
        return true;
    }

    /// <summary>Elsewhere than on Windows a file's name may have '\' in it, as archives made there leave them.</summary>
    private string PathOf(string normal, string literal) =>
        literal != normal && Path.DirectorySeparatorChar != '\\' && File.Exists(FileOf(literal)) ? literal : normal;
}
