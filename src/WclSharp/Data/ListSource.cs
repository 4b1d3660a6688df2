namespace WclSharp.Data;

/// <summary>Image files that a CSV or TSV list of <c>path,label</c> names, in its order; paths are relative to the list.</summary>
internal sealed class ListSource(string list) : ImageSource
{
    private readonly string folder = Path.GetDirectoryName(Path.GetFullPath(list))!;

    /// <inheritdoc/>
    public override string Description => $"list '{list}'";

    /// <inheritdoc/>
    public override string Expected => "rows of path,label, with paths relative to the list";

    /// <inheritdoc/>
    public override string? FileOf(string name) => Path.Combine(folder, name);

    /// <inheritdoc/>
    public override IEnumerable<SourceImage> Images(Func<int, bool> wanted)
    {
        int position = 0;
        foreach (var (_, path, label) in DelimitedFile.Read(list))
        {
            var image = new SourceImage { Name = path, Class = label };
            yield return wanted(position++) ? image with { File = FileOf(path) } : image;
        }
    }
}
