using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using WclSharp.Data;
using WclSharp.Files;

namespace WclSharp.Embedding;

/// <summary>
/// What is embedded of a source so far: a folder beside the file that is to be written, with finished parts and what they hang on. Whenever the process ends, the parts that
/// have their names are whole, and the same call goes on behind them. <see cref="Remove"/> takes the folder away when the file is written.
/// </summary>
/// <remarks>
/// Parts end where a batch does: a batch of other images could differ in the last bits, and what went on would not end with the same bytes.
/// </remarks>
internal sealed class PartialEmbeddings : IDisposable
{
    // A part is written when it has this many rows or bytes, or when this much work would be lost.
    private const int MostRows = 4096, MostBytes = 16 << 20;
    private const string FactsFile = "embedding.json", LockFile = ".lock", Ending = ".part";
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(30);

    private readonly string folder;
    private readonly FileStream held;
    private readonly float[] features;
    private readonly List<EmbeddedPart> parts = [];
    private readonly MemoryStream pending = new();
    private readonly BinaryWriter writer;
    private (int Rows, int Bad) waiting;
    private long saved = Stopwatch.GetTimestamp();
    private bool removed;

    private PartialEmbeddings(string folder, FileStream held, int featureSize)
    {
        (this.folder, this.held, features) = (folder, held, new float[featureSize]);
        writer = new BinaryWriter(pending, new UTF8Encoding(false));
    }

    /// <summary>Position in the source of the first image that is not embedded.</summary>
    public int Next { get; private set; }

    /// <summary>Rows so far.</summary>
    public long Rows { get; private set; }

    /// <summary>The folder that belongs to a file.</summary>
    public static string FolderOf(string file) => file + ".partial";

    /// <summary>The list of images that could not be read, of those that go into a file.</summary>
    public static string BadImagesOf(string file) => file + ".bad_images.csv";

    /// <summary>Whether a table was begun and not finished.</summary>
    public static bool IsBegun(string file) => File.Exists(Path.Combine(FolderOf(file), FactsFile));

    /// <summary>Images whose files were not there when a table was begun, as <see cref="SourceListing.Absent"/>; none where it was not begun, or what it hangs on cannot be read.</summary>
    public static IReadOnlyList<int> AbsentIn(string file)
    {
        try
        {
            return IsBegun(file) ? ReadFacts(Path.Combine(FolderOf(file), FactsFile)).AbsentImages ?? [] : [];
        }
        catch (Exception e) when (e is WclUsageException or IOException or UnauthorizedAccessException)
        {
            return []; // told of when it is opened
        }
    }

    /// <summary>Makes the folder, or opens one to go on with.</summary>
    /// <param name="file">The file that is to be written at the end.</param>
    /// <param name="facts">What the numbers hang on.</param>
    /// <param name="imagesAsBefore"><see cref="SourceListing.HashAsBefore"/>, by which the images are known again.</param>
    /// <param name="restart">Begin anew whatever is there.</param>
    /// <exception cref="WclUsageException">It cannot be written to, another process writes to it, it is damaged, or begun with other facts.</exception>
    public static PartialEmbeddings Open(string file, PartialFacts facts, string imagesAsBefore, bool restart)
    {
        string folder = FolderOf(file), factsFile = Path.Combine(folder, FactsFile);
        FileStream? held = null;
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } parent && !Directory.Exists(parent)) throw new IOException($"there is no folder '{parent}'");
            if (Directory.Exists(file)) throw new IOException("it is a folder");
            Directory.CreateDirectory(folder);
            held = new FileStream(Path.Combine(folder, LockFile), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            // The list is an .npy file's alone: beside others it would be another command's table.
            foreach (string written in (string[])[file, .. NpyFile.Is(file) ? [NpyFile.ListBeside(file)] : Array.Empty<string>(), BadImagesOf(file)]) PendingFile.DeleteLeftOf(written);
            bool begun = File.Exists(factsFile);
            if (!begun && Others(folder).FirstOrDefault(other => !IsPart(other)) is { } foreign)
                throw new WclUsageException($"'{folder}' holds '{Path.GetFileName(foreign)}', which is no part of a table of embeddings; move that folder, or name another file with --out.");
            if (!begun && !restart && Others(folder).Any())
                throw new WclUsageException($"'{folder}' has parts of a table of embeddings, but its {FactsFile} is gone, which says what they hang on; copy it back, or begin anew with --restart.");
            var partial = new PartialEmbeddings(folder, held, facts.FeatureSize);
            if (begun && !restart)
            {
                partial.Resume(file, ReadFacts(factsFile), facts with { ImagesSha256 = imagesAsBefore });
                return partial;
            }
            Clear(folder);
            partial.Keep(facts);
            return partial;
        }
        catch (Exception e)
        {
            held?.Dispose();
            RemoveIfEmpty(folder);
            if (e is IOException or UnauthorizedAccessException)
                throw new WclUsageException($"Cannot write '{file}': {ErrorText.Of(e)}. Name a file in a folder that is there with --out, and see that no other process writes it.", e);
            throw;
        }
    }

    /// <summary>Writes what the numbers hang on: of images that have turned up, sizes and times count from now on.</summary>
    public void Keep(PartialFacts facts) => AtomicFile.Write(Path.Combine(folder, FactsFile), stream => JsonSerializer.Serialize(stream, facts, PartialFactsJson.Default.PartialFacts));

    /// <summary>Images that could not be read, so far, with the reason.</summary>
    public IEnumerable<(string Name, string Problem)> BadImages() => parts.SelectMany(BadOf).Select(record => (record.Name, record.Problem!));

    /// <summary>
    /// Lets go of the parts from the first on that has an image that could not be opened and now can: batches behind it would be other ones, so all of them are embedded again.
    /// </summary>
    /// <param name="canBeRead">Whether an image can be read now, by its name.</param>
    /// <returns>The name of that image; null where there is none.</returns>
    /// <exception cref="WclException">A part cannot be deleted.</exception>
    public string? ForgetFromReadable(Func<string, bool> canBeRead)
    {
        for (int first = 0; first < parts.Count; first++)
        {
            if (BadOf(parts[first]).Where(record => record.IsTransient && canBeRead(record.Name)).Select(record => record.Name).FirstOrDefault() is not { } name) continue;
            try
            {
                for (; parts.Count > first; parts.RemoveAt(parts.Count - 1)) // the last first: what is left at any time can be gone on with
                    File.Delete(parts[^1].Path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new WclException($"'{parts[^1].Path}' cannot be deleted: {e.Message}", e);
            }
            Next = parts.Count > 0 ? parts[^1].End : 0;
            Rows = parts.Sum(part => (long)part.Rows);
            return name;
        }
        return null;
    }

    /// <summary>Adds the images of a batch, readable or not.</summary>
    /// <param name="records">The images, in the source's order.</param>
    /// <param name="rows">[rows, F]: the vectors of those that could be read.</param>
    /// <param name="next">Position in the source after the last of them.</param>
    public void Add(IReadOnlyList<EmbeddedRecord> records, ReadOnlySpan<float> rows, int next)
    {
        int row = 0;
        foreach (var record in records)
            EmbeddedPart.Append(writer, record, record.Problem is null ? rows.Slice(row++ * features.Length, features.Length) : []);
        waiting = (waiting.Rows + row, waiting.Bad + records.Count - row);
        Rows += row;
        Next = next;
        if (waiting.Rows >= MostRows || pending.Length >= MostBytes || Stopwatch.GetElapsedTime(saved) >= MostTime) Save();
    }

    /// <summary>All rows, those of earlier processes first, in the source's order.</summary>
    /// <returns>Name, label and vector [F]; the vector is the next row's too.</returns>
    public IEnumerable<(string Name, string? Label, float[] Features)> AllRows()
    {
        pending.Position = 0;
        var records = parts.SelectMany(part => part.Records(features)).Concat(EmbeddedPart.Records(pending, waiting.Rows + waiting.Bad, features));
        foreach (var record in records)
            if (record.Problem is null) yield return (record.Name, record.Label, features);
        pending.Position = pending.Length;
    }

    /// <summary>Takes the folder away: the file is written.</summary>
    public void Remove()
    {
        removed = true;
        try
        {
            Clear(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The file is there; what is left does no harm.
        }
    }

    /// <summary>Writes what waits, where the work ended early; a folder without parts goes.</summary>
    public void Dispose()
    {
        try
        {
            if (!removed && pending.Length > 0) Save();
            if (!removed && parts.Count == 0) Clear(folder);
        }
        catch (Exception e) when (e is WclException or IOException or UnauthorizedAccessException)
        {
            // The first error is the one to tell.
        }
        writer.Dispose();
        held.Dispose();
        RemoveIfEmpty(folder);
    }

    private IEnumerable<EmbeddedRecord> BadOf(EmbeddedPart part) => part.Bad == 0 ? [] : part.Records(features).Where(record => record.Problem is not null);

    private void Save()
    {
        var part = new EmbeddedPart(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{parts.Count:D6}{Ending}")), parts.Count > 0 ? parts[^1].End : 0, Next, waiting.Rows, waiting.Bad);
        part.Write(pending.GetBuffer().AsMemory(0, (int)pending.Length));
        parts.Add(part);
        pending.SetLength(0);
        (waiting, saved) = (default, Stopwatch.GetTimestamp());
    }

    private void Resume(string file, PartialFacts then, PartialFacts now)
    {
        if (then.Differences(now).ToArray() is { Length: > 0 } differences)
        {
            throw new WclUsageException($"'{file}' was begun with something else, and would be of both: {string.Join("; ", differences)}. "
                + "Go on with what it was begun with, begin anew with --restart, or name another file with --out.");
        }

        foreach (string path in Directory.GetFiles(folder, "*" + Ending).Order(StringComparer.Ordinal))
        {
            try
            {
                var part = EmbeddedPart.Open(path);
                if (part.Begin != Next) throw new InvalidDataException("the one before it is not there");
                parts.Add(part);
                (Next, Rows) = (part.End, Rows + part.Rows);
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                throw new WclUsageException($"'{path}' cannot be gone on with: {ErrorText.Of(e)}. Begin anew with --restart.", e);
            }
        }
    }

    private static PartialFacts ReadFacts(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            var facts = JsonSerializer.Deserialize(stream, PartialFactsJson.Default.PartialFacts) ?? throw new JsonException("it is empty");
            return facts.AbsentImages is { Count: var count } && count % 2 != 0 ? throw new JsonException("absent_images are not in pairs") : facts;
        }
        catch (JsonException e)
        {
            throw new WclUsageException($"'{path}' cannot be read: {ErrorText.Of(e)}. Begin anew with --restart.", e);
        }
    }

    /// <summary>Deletes what is ours, the last part first: whatever is left at any time can be gone on with.</summary>
    private static void Clear(string folder)
    {
        foreach (string part in Ours(folder).OrderDescending(StringComparer.Ordinal)) File.Delete(part);
        File.Delete(Path.Combine(folder, FactsFile));
    }

    private static IEnumerable<string> Ours(string folder) => Directory.GetFiles(folder).Where(path => path.EndsWith(Ending, StringComparison.Ordinal) || path.EndsWith(".tmp", StringComparison.Ordinal));

    /// <summary>Whether a file has a part's name, six digits or more, or is what a process that was killed left of one.</summary>
    private static bool IsPart(string path)
    {
        string name = Path.GetFileName(path);
        int digits = name.Length - name.TrimStart("0123456789".ToCharArray()).Length;
        return digits >= 6 && (name[digits..] == Ending || PendingFile.IsTemporaryOf(path, name[..digits] + Ending));
    }

    /// <summary>What is in a folder that says nothing of parts.</summary>
    private static IEnumerable<string> Others(string folder) => Directory.GetFileSystemEntries(folder).Where(path => Path.GetFileName(path) is not LockFile and var name && !(name.StartsWith(FactsFile, StringComparison.Ordinal) && name.EndsWith(".tmp", StringComparison.Ordinal)));

    private static void RemoveIfEmpty(string folder)
    {
        try
        {
            if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody else's by now, or as it was.
        }
    }
}
