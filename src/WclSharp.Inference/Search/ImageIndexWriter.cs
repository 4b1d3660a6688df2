using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using WclSharp.Data;

namespace WclSharp.Inference;

/// <summary>
/// Writes an index row by row; memory does not grow with their number. The file has its name once <see cref="Complete"/> has returned: disposed before that,
/// nothing is left, and a file of that name is what it was. Several threads may add rows, which come in the order of the calls.
/// </summary>
public sealed class ImageIndexWriter : IDisposable
{
    private readonly string path;
    private readonly IndexHeader header;
    private readonly float[] unit;
    private readonly byte[] row, lengths = new byte[2 * sizeof(int)];

    // Names and offsets wait in files of their own, since the rows stand before them.
    private readonly List<PendingFile> files = []; // the first gets the name
    private readonly FileStream rows, texts, offsets;
    private readonly Lock gate = new();
    private long count, textBytes;
    private bool complete, failed;

    /// <summary>Begins a file.</summary>
    /// <param name="path">The file; files whose names begin with this one and end with <c>.tmp</c> lie beside it meanwhile.</param>
    /// <param name="featureSize">F, the length of the vectors, 1 to 1,048,576.</param>
    /// <param name="format">How numbers are stored.</param>
    /// <param name="metadata">What is to be known of the vectors; up to a megabyte.</param>
    /// <param name="modelFile">The file that holds the model which the vectors are made with; its path and SHA-256 are noted (as <c>model</c> and <c>model_sha256</c>, in place of what the metadata have under these names), by which
    /// <see cref="ImageIndex.RequireModel(string)"/> tells others. Null notes nothing, so that every model is taken.</param>
    /// <exception cref="ArgumentException">The path is empty or has the character 0, the size is out of range, there is no such format, or the metadata are too long or have a value that is null.</exception>
    /// <exception cref="WclUsageException">No file can be written there, or that of the model cannot be read.</exception>
    public ImageIndexWriter(string path, int featureSize, IndexFormat format = IndexFormat.Float32, IReadOnlyDictionary<string, string>? metadata = null, string? modelFile = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path.Contains('\0')) throw new ArgumentException("A path cannot have the character 0.", nameof(path));
        ArgumentOutOfRangeException.ThrowIfLessThan(featureSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(featureSize, IndexHeader.LargestFeatureSize);
        if (!Enum.IsDefined(format)) throw new ArgumentOutOfRangeException(nameof(format), format, "There is no such format.");
        if (Directory.Exists(path)) throw new WclUsageException($"'{path}' is a folder; name a file.");
        byte[] entries = JsonSerializer.SerializeToUtf8Bytes(Entries(metadata, modelFile), OnnxJson.Default.DictionaryStringString);
        if (entries.Length > IndexHeader.LargestMetadata) throw new ArgumentException($"The metadata have {entries.Length} bytes; at most {IndexHeader.LargestMetadata} are taken.", nameof(metadata));
        this.path = FileLinks.FinalTarget(path);
        header = new IndexHeader(format, featureSize, entries, 0, 0);
        (unit, row) = (new float[featureSize], new byte[header.Stride]);
        try
        {
            (rows, texts, offsets) = (Open(".tmp"), Open(".names.tmp"), Open(".offsets.tmp"));
            rows.Write(new byte[header.RowsAt]);
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            Dispose();
            throw new WclUsageException($"Cannot write '{path}': {WriteAdvice.Reason(e)}. Name a file in a folder that is there.", e);
        }
    }

    /// <summary>What is wrong with a vector that has a number that is not finite.</summary>
    internal static WclException NotFinite(string name) => new($"The vector of '{name}' has a number that is not finite; the network's weights are of no use.");

    /// <summary>Adds an image.</summary>
    /// <param name="name">Its path, or what else it is known by.</param>
    /// <param name="label">Its class; null for none.</param>
    /// <param name="vector">[F], finite, of any length: it is brought to unit length. One of zeros has cosine 0 with everything.</param>
    /// <exception cref="ArgumentException">The vector has another length than the index's.</exception>
    /// <exception cref="WclException">The vector has a number that is not finite, the file cannot be written, or has 2^31 - 1 rows.</exception>
    /// <exception cref="ObjectDisposedException">The file is complete, or the writer was disposed of.</exception>
    public void Add(string name, string? label, ReadOnlySpan<float> vector)
    {
        ArgumentNullException.ThrowIfNull(name);
        using var _ = gate.EnterScope();
        ObjectDisposedException.ThrowIf(complete || !rows.CanWrite, this);
        if (vector.Length != header.FeatureSize) throw new ArgumentException($"The vector has {vector.Length} numbers; those of the index have {header.FeatureSize}.", nameof(vector));
        if (count == int.MaxValue) throw new WclException(FormattableString.Invariant($"'{path}' has {count:N0} rows, which is as many as an index can have."));
        if (!IndexRow.Normalise(vector, unit)) throw NotFinite(name);
        IndexRow.Encode(header.Format, unit, row);
        byte[] nameBytes = Encoding.UTF8.GetBytes(name), labelBytes = label is null ? [] : Encoding.UTF8.GetBytes(label);
        BinaryPrimitives.WriteInt32LittleEndian(lengths, nameBytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(lengths.AsSpan(sizeof(int)), label is null ? -1 : labelBytes.Length);
        Guarded(() =>
        {
            rows.Write(row);
            offsets.Write(MemoryMarshal.AsBytes<long>([textBytes]));
            texts.Write(lengths);
            texts.Write(nameBytes);
            texts.Write(labelBytes);
        });
        count++;
        textBytes += lengths.Length + nameBytes.Length + labelBytes.Length;
    }

    /// <summary>Writes what remains, and gives the file its name.</summary>
    /// <exception cref="WclException">The file cannot be written; what was there before is intact.</exception>
    /// <exception cref="ObjectDisposedException">The file is complete, or the writer was disposed of.</exception>
    public void Complete()
    {
        using var _ = gate.EnterScope();
        ObjectDisposedException.ThrowIf(complete || !rows.CanWrite, this);
        Guarded(() =>
        {
            var whole = header with { Count = count, TextBytes = textBytes };
            Append(texts);
            rows.Write(new byte[whole.OffsetsAt - rows.Position]);
            offsets.Write(MemoryMarshal.AsBytes<long>([textBytes]));
            Append(offsets);
            rows.Position = 0;
            rows.Write(whole.ToBytes());
            files[0].Keep();
            complete = true;
        });
    }

    /// <summary>Closes what is open; without <see cref="Complete"/> nothing is left.</summary>
    public void Dispose()
    {
        using var _ = gate.EnterScope();
        foreach (var file in files) file.Dispose();
    }

    private static Dictionary<string, string> Entries(IReadOnlyDictionary<string, string>? metadata, string? modelFile)
    {
        var entries = new Dictionary<string, string>(metadata ?? new Dictionary<string, string>());
        foreach (var (key, value) in entries)
            if (value is null) throw new ArgumentException($"The metadata's \"{key}\" is null; leave it out.", nameof(metadata));
        if (modelFile is null) return entries;
        try
        {
            SpecialFile.Refuse(modelFile);
            (entries[ImageIndex.ModelKey], entries[ImageIndex.ModelHashKey]) = (Path.GetFullPath(modelFile), FileHash.Of(modelFile));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException) // an empty path, or one with the character 0
        {
            throw new WclUsageException($"'{modelFile}' cannot be read: {ErrorText.Of(e)}.", e);
        }
        return entries;
    }

    private void Append(FileStream part)
    {
        part.Position = 0;
        part.CopyTo(rows);
    }

    private FileStream Open(string ending)
    {
        files.Add(new PendingFile(path, ending));
        return files[^1].Stream;
    }

    /// <summary>Writes; once that has failed, parts may be there that nothing counts, and no more is taken.</summary>
    private void Guarded(Action write)
    {
        if (failed) throw new WclException($"Writing '{path}' has failed before; begin it anew.");
        try
        {
            write();
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            failed = true;
            throw new WclException($"Could not write '{path}': {WriteAdvice.Reason(e)}. {WriteAdvice.For(e)}; what was there before is intact.", e);
        }
    }
}
