using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Text;
using WclSharp.Data;

namespace WclSharp.Inference;

/// <summary>
/// Vectors of images in a file that <see cref="ImageIndexWriter"/> or <c>wcl index</c> wrote, and the nearest of them to a vector: every row is looked at, so what is
/// found is exact up to the rounding of the stored numbers. Safe for use by several threads at once.
/// </summary>
/// <remarks>
/// The file is mapped into memory: opening it reads its header alone, and what was read stays in the system's cache. It must not be shortened while it is open;
/// writing an index anew under the same name does not do that (on Windows that was not tried).
/// </remarks>
public sealed class ImageIndex : IDisposable
{
    // Entries of the metadata that wcl index writes.
    internal const string ModelKey = "model", ModelHashKey = "model_sha256", ImagesKey = "images";

    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private readonly IndexHeader header;
    private readonly string path;
    private readonly IndexScan scan;

    private ImageIndex(MemoryMappedFile file, MemoryMappedViewAccessor view, IndexHeader header, string path, int threads)
    {
        (this.file, this.view, this.header, this.path) = (file, view, header, path);
        Metadata = header.Entries(path);
        scan = new IndexScan(header, path, threads);
    }

    /// <summary>N, the number of images, up to 2^31 - 1.</summary>
    public int Count => (int)header.Count;

    /// <summary>F, the length of a vector.</summary>
    public int FeatureSize => header.FeatureSize;

    /// <summary>How the numbers are stored.</summary>
    public IndexFormat Format => header.Format;

    /// <summary>What the writer was told of the vectors; <c>wcl index</c> notes <c>model</c>, <c>model_sha256</c> and <c>images</c>, full paths and a hash.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">An index.</param>
    /// <param name="threads">Threads that one search computes on; 0 is one per core.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of threads is negative.</exception>
    /// <exception cref="WclUsageException">There is no such file, it is damaged, or it is something else.</exception>
    public static ImageIndex Open(string path, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        if (!File.Exists(path)) throw new WclUsageException($"There is no file '{path}'; give an index that wcl index wrote.");
        if (SpecialFile.Is(path)) throw new WclUsageException($"'{path}' is a device or a pipe; give an index that wcl index wrote.");
        MemoryMappedFile? file = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            IndexHeader header;
            try
            {
                header = IndexHeader.Read(stream, path);
                file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            }
            catch
            {
                stream.Dispose();
                throw;
            }
            view = file.CreateViewAccessor(0, header.FileBytes, MemoryMappedFileAccess.Read);
            return new ImageIndex(file, view, header, path, threads == 0 ? Environment.ProcessorCount : threads);
        }
        catch (Exception e)
        {
            view?.Dispose();
            file?.Dispose();
            if (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
                throw new WclUsageException($"'{path}' cannot be read: {ErrorText.Of(e)}.", e);
            throw;
        }
    }

    /// <summary>
    /// Refuses vectors of another model than a file's: they may be as long as the index's and have nothing to do with them. An index that does not say what it was made with is
    /// taken as it is.
    /// </summary>
    /// <param name="modelFile">The file that vectors to search for are made with: an ONNX file, or an encoder's weights.</param>
    /// <exception cref="WclUsageException">The index was made with another model, or with what this file held before; or the file cannot be read.</exception>
    public void RequireModel(string modelFile)
    {
        ArgumentNullException.ThrowIfNull(modelFile);
        RequireModel(modelFile, modelFile);
    }

    /// <param name="modelFile">The file that holds the model.</param>
    /// <param name="model">What the model is named by, which may be the folder that holds its file.</param>
    internal void RequireModel(string modelFile, string model)
    {
        if (!Metadata.TryGetValue(ModelHashKey, out string? hash)) return;
        try
        {
            SpecialFile.Refuse(modelFile);
            if (hash == FileHash.Of(modelFile)) return;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException) // an empty path, or one with the character 0
        {
            throw new WclUsageException($"'{modelFile}' cannot be read: {ErrorText.Of(e)}.", e);
        }
        string? made = Metadata.GetValueOrDefault(ModelKey);
        throw new WclUsageException(Path.GetFullPath(model) == made
            ? $"'{model}' has changed since '{path}' was made with it; index the images anew."
            : $"'{path}' was made with another model than '{model}' ({made ?? "it does not say which"}); name that one, or index the images anew.");
    }

    /// <summary>Path of an image in the source that was indexed, or its number there.</summary>
    /// <param name="row">Its row, 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="WclUsageException">The file is damaged there.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed of.</exception>
    public string NameOf(int row) => TextsOf(row).Name;

    /// <summary>Class of an image; null where there is none.</summary>
    /// <param name="row">Its row, 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="WclUsageException">The file is damaged there.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed of.</exception>
    public string? LabelOf(int row) => TextsOf(row).Label;

    /// <summary>Finds the nearest images.</summary>
    /// <param name="vector">[F], finite, of any length: only its direction counts. One of zeros has cosine 0 with every row.</param>
    /// <param name="k">How many are wanted, 1 or more; where there are fewer, all come.</param>
    /// <param name="cancellation">Stops between some thousand rows and the next.</param>
    /// <returns>The nearest first; of equal cosines, the lower row. The number of threads changes nothing.</returns>
    /// <exception cref="ArgumentException">The vector has another length than the index's, or a number that is not finite; k is below 1.</exception>
    /// <exception cref="WclUsageException">The file is damaged.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed of before this search began.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<SearchHit> Search(ReadOnlySpan<float> vector, int k, CancellationToken cancellation = default)
    {
        if (vector.Length != FeatureSize) throw new ArgumentException($"The vector has {vector.Length} numbers; those of the index have {FeatureSize}.", nameof(vector));
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        var unit = new float[vector.Length];
        if (!IndexRow.Normalise(vector, unit)) throw new ArgumentException("The vector has a number that is not finite.", nameof(vector));
        return WithBytes(start =>
        {
            var hits = new List<SearchHit>();
            if (Count == 0) return hits;
            foreach (var (cosine, row) in scan.Nearest(unit, Math.Min(k, Count), start, cancellation))
            {
                var (name, label) = Texts(start, row);
                hits.Add(new SearchHit { Row = row, Name = name, Label = label, Cosine = cosine });
            }
            return hits;
        });
    }

    /// <summary>The stored vector of a row, where the format is float32.</summary>
    internal unsafe float[] VectorOf(int row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Count);
        if (Format != IndexFormat.Float32) throw new InvalidOperationException($"The rows are of {Format}.");
        return WithBytes(start => new ReadOnlySpan<float>((byte*)start + header.RowsAt + (long)row * header.Stride, FeatureSize).ToArray());
    }

    /// <summary>Unmaps the file, once searches that are under way have ended.</summary>
    public void Dispose()
    {
        view.Dispose();
        file.Dispose();
    }

    private (string Name, string? Label) TextsOf(int row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Count);
        return WithBytes(start => Texts(start, row));
    }

    private unsafe (string Name, string? Label) Texts(nint start, int row)
    {
        var offsets = new ReadOnlySpan<long>((byte*)start + header.OffsetsAt + sizeof(long) * (long)row, 2);
        long first = offsets[0], length = offsets[1] - first;
        if (first >= 0 && first <= header.TextBytes && length >= 2 * sizeof(int) && length <= header.TextBytes - first && length <= int.MaxValue)
        {
            var text = new ReadOnlySpan<byte>((byte*)start + header.TextsAt + first, (int)length);
            var (nameLength, labelLength) = (MemoryMarshal.Read<int>(text), MemoryMarshal.Read<int>(text[sizeof(int)..]));
            text = text[(2 * sizeof(int))..];
            if (nameLength >= 0 && nameLength <= text.Length && labelLength >= -1 && Math.Max(labelLength, 0) == text.Length - nameLength)
                return (Encoding.UTF8.GetString(text[..nameLength]), labelLength < 0 ? null : Encoding.UTF8.GetString(text[nameLength..]));
        }
        throw IndexHeader.Damaged(path, $"the name of row {row} does not lie in it");
    }

    /// <summary>Hands over the address of the file, which stays mapped meanwhile even if the index is disposed of.</summary>
    private unsafe T WithBytes<T>(Func<nint, T> use)
    {
        byte* start = null;
        try
        {
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        }
        catch (ObjectDisposedException)
        {
            throw new ObjectDisposedException(typeof(ImageIndex).FullName); // rather than of what it is made of
        }
        try
        {
            return use((nint)start + (nint)view.PointerOffset);
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }
}
