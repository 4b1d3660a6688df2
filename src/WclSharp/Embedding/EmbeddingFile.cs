using System.Globalization;
using System.Text;
using WclSharp.Data;

namespace WclSharp.Embedding;

/// <summary>
/// A table of embeddings that is written row by row. What is written has temporary names until <see cref="Complete"/>; disposed before that, it is gone.
/// </summary>
internal abstract class EmbeddingFile : IDisposable
{
    private readonly List<PendingFile> files = [];

    /// <summary>What makes the file that a name asks for, given the name and the length of the rows.</summary>
    /// <exception cref="WclUsageException">Its ending is none of those that are written.</exception>
    public static Func<string, int, EmbeddingFile> FormatOf(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".npy" => (name, size) => new NpyFile(name, size),
        ".csv" => (name, size) => new CsvEmbeddings(name, size),
        ".parquet" => (name, size) => new ParquetEmbeddings(name, size),
        _ => throw new WclUsageException($"--out {path} has none of the endings .npy, .csv and .parquet, which say what form it is to have."),
    };

    /// <summary>Refuses to write over what is read, or over a list that happens to have the name of the one beside a .npy file.</summary>
    /// <exception cref="WclUsageException">The file, or the one beside it, is a source, or a list that no earlier .npy file came with; or it is the list that came with one.</exception>
    public static void RequireOtherThan(string path, params string?[] sources)
    {
        bool hasList = NpyFile.Is(path);
        string list = Path.ChangeExtension(path, ".csv");
        foreach (string source in sources.OfType<string>())
            if (SamePath.IsSameFile(path, source) || (hasList && SamePath.IsSameFile(list, source))) throw new WclUsageException($"--out {path} would be written over '{source}', which is read; name another file.");
        // Where the table was begun the list may be its own: the two get their names one after the other.
        if (hasList && File.Exists(list) && !File.Exists(path) && !PartialEmbeddings.IsBegun(path))
            throw new WclUsageException($"--out {path} comes with paths and labels in '{list}', where there is a file already; name another, or move that one.");
        // A table of embeddings may be written anew, the list that tells what the rows of a .npy file are may not.
        string table = Path.ChangeExtension(path, ".npy");
        if (Path.GetExtension(path).Equals(".csv", StringComparison.OrdinalIgnoreCase) && File.Exists(path) && File.Exists(table) && File.ReadLines(path).FirstOrDefault() == NpyFile.ListHeader)
            throw new WclUsageException($"--out {path} would be written over the paths and labels of '{table}'; name another file.");
    }

    /// <summary>Adds a row.</summary>
    /// <param name="name">The image's path in its source, or its number.</param>
    /// <param name="label">Its class; null for none.</param>
    /// <param name="features">Its vector.</param>
    public void Add(string name, string? label, ReadOnlySpan<float> features)
    {
        try
        {
            AddRow(name, label, features);
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            throw Unwritable(e);
        }
    }

    /// <summary>Writes what remains, and gives the files their names.</summary>
    public void Complete()
    {
        try
        {
            Finish();
            foreach (var file in files) file.Close();
            foreach (var file in files) file.Keep();
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            throw Unwritable(e);
        }
    }

    public virtual void Dispose()
    {
        foreach (var file in files) file.Dispose();
    }

    protected abstract void AddRow(string name, string? label, ReadOnlySpan<float> features);

    /// <summary>Writes what remains of the content.</summary>
    protected abstract void Finish();

    /// <summary>Opens a file under a temporary name. Of several, the last opened gets its name last.</summary>
    protected FileStream Open(string path)
    {
        try
        {
            files.Add(new PendingFile(path));
            return files[^1].Stream;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Dispose();
            throw new WclUsageException($"Cannot write '{path}': {ErrorText.Of(e)}. Name a file in a folder that is there with --out.", e);
        }
    }

    /// <summary>A text writer whose lines end as in every file of ours.</summary>
    protected static StreamWriter Text(Stream stream) => new(stream, new UTF8Encoding(false), 1 << 16, leaveOpen: true) { NewLine = "\n" };

    /// <summary>path,label of a CSV row.</summary>
    protected static string Names(string name, string? label) => $"{DelimitedFile.QuotePath(name)},{(label is null ? "" : DelimitedFile.Quote(label))}";

    /// <summary>The shortest digits that give the same float32.</summary>
    protected static string Digits(float value) => value.ToString("R", CultureInfo.InvariantCulture);

    private WclException Unwritable(Exception e) => new($"Could not write '{files[^1].Target}': {WriteAdvice.Reason(e)}. {WriteAdvice.For(e, "--out")}; what was there before is intact.", e);
}
