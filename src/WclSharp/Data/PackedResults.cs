namespace WclSharp.Data;

/// <summary>The folders of an archive that <c>wcl</c> wrote results into, known as <see cref="FolderSource"/> knows them, but by all names: archives keep no order, and what tells may lie behind the pictures.</summary>
internal sealed class PackedResults
{
    private readonly HashSet<string> results = new(StringComparer.Ordinal), suggestions = new(StringComparer.Ordinal);

    /// <param name="names">The names of an archive's files that are <see cref="IsTelling"/>; folders of results that are the whole archive count as asked for.</param>
    public PackedResults(IEnumerable<string> names)
    {
        HashSet<string> records = [];
        foreach (string name in names)
        {
            string folder = Path.GetDirectoryName(name.AsSpan()).ToString(), file = Path.GetFileName(name);
            if (file == ResultNames.Config && folder.Length > 0) results.Add(folder);
            else if (file == ResultNames.SuggestionList) suggestions.Add(folder);
            else if (ResultNames.Records.Contains(file)) records.Add(folder);
        }
        results.IntersectWith(records);
    }

    /// <summary>True for a file by whose name folders are known.</summary>
    public static bool IsTelling(ReadOnlySpan<char> name)
    {
        var file = Path.GetFileName(name);
        if (file is ResultNames.Config or ResultNames.SuggestionList) return true;
        foreach (string record in ResultNames.Records)
            if (file.SequenceEqual(record)) return true;
        return false;
    }

    /// <summary>True for a file that may be one of results: one that tells, or a picture that is called, or lies, as those of <c>wcl</c> do.</summary>
    public static bool MayBeThereBy(ReadOnlySpan<char> name) =>
        IsTelling(name) || Path.GetFileName(name) is ResultNames.Sheet || Path.GetFileName(Path.GetDirectoryName(name)) is ResultNames.Plots;

    /// <summary>The outermost folder of results that a file is in; null for none.</summary>
    public string? FolderOf(string name)
    {
        if (results.Count == 0) return null;
        var folders = results.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int end = name.IndexOf('/'); end >= 0; end = name.IndexOf('/', end + 1))
            if (folders.Contains(name.AsSpan(0, end))) return name[..end];
        return null;
    }

    /// <summary>Whether a file is a sheet of <c>wcl suggest</c>.</summary>
    public bool IsSheet(string name) => Path.GetFileName(name.AsSpan()) is ResultNames.Sheet && suggestions.Contains(Path.GetDirectoryName(name.AsSpan()).ToString());
}
