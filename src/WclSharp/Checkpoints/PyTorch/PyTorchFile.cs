using System.IO.Compression;
using TorchSharp;
using WclSharp.Files;
using static TorchSharp.torch;

namespace WclSharp.Checkpoints.PyTorch;

/// <summary>
/// Reads and writes state dicts as PyTorch's <c>torch.save</c> does: since version 1.6 a zip archive (<see cref="ZipContainer"/>), before it pickles and numbers one after the other
/// (<see cref="LegacyContainer"/>), which are read alone. What a training script put beside the tensors is read over, objects of Python classes too: <see cref="SafetensorsContent.Others"/>
/// names them.
/// </summary>
internal static class PyTorchFile
{
    /// <summary>Whether a file begins as one of the two.</summary>
    /// <param name="start">Its first <see cref="WeightsFile.StartBytes"/> bytes, where it has as many.</param>
    public static bool Recognises(ReadOnlySpan<byte> start) => ZipContainer.Recognises(start) || LegacyContainer.Recognises(start);

    /// <summary>Reads the tensors of a state dict, on the CPU. The caller owns them; they belong to no dispose scope.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isWanted">Whether the names of tensors are those of what is looked for, where the file holds several dictionaries of tensors; null takes the largest.</param>
    /// <exception cref="WclUsageException">The file is missing or damaged, or holds something else.</exception>
    public static SafetensorsContent Read(string path, Func<IReadOnlyCollection<string>, bool>? isWanted = null)
    {
        var tensors = new Dictionary<string, Tensor>();
        var others = new Dictionary<string, string>();
        try
        {
            using var stream = File.OpenRead(path);
            using var container = Open(stream);
            // Tensors may share a storage; many that do must not fill the memory with copies.
            using var storages = new Storages(container, 4 * stream.Length);
            long left = 4 * stream.Length + (1 << 20);
            foreach (var (name, value) in StateDict.Of(container.Description, isWanted))
            {
                if (StoredTensor.Of(value, out string? other) is not { } shape)
                {
                    if (other is not null) others[name] = other;
                    continue;
                }

                left -= shape.Count * shape.Size;
                if (left < 0) throw new FormatException("its tensors are far larger than the file");
                tensors[name] = storages.Take(shape);
            }

            return new SafetensorsContent(tensors, [], others);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new WclUsageException($"No file '{path}'; give the path of a .pth or .safetensors file.", e);
        }
        catch (Exception e) when (e is FormatException or InvalidDataException or EndOfStreamException or OverflowException or NotSupportedException or ArgumentException)
        {
            foreach (var tensor in tensors.Values) tensor.Dispose();
            throw new WclUsageException($"'{path}' is no PyTorch state dict that can be read: {ErrorText.Of(e)}.", e);
        }
    }

    private static PyTorchContainer Open(FileStream stream)
    {
        Span<byte> start = stackalloc byte[WeightsFile.StartBytes];
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        stream.Position = 0;
        return LegacyContainer.Recognises(start) ? new LegacyContainer(stream) : new ZipContainer(stream);
    }

    /// <summary>Writes tensors so that <c>torch.load</c> gives an <c>OrderedDict</c> of them. The file appears whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Tensors by name.</param>
    /// <param name="option">The option that names the file, for errors; null where none does.</param>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors, string? option = null)
    {
        var list = tensors.ToList();
        AtomicFile.Write(path, stream =>
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            void Add(string name, Action<Stream> write)
            {
                using var entry = archive.CreateEntry($"archive/{name}", CompressionLevel.NoCompression).Open();
                write(entry);
            }

            Add("data.pkl", entry => entry.Write(PickleWriter.StateDict([.. list.Select(pair => (pair.Name, pair.Tensor.dtype, pair.Tensor.shape))])));
            Add("byteorder", entry => entry.Write("little"u8));
            foreach (var (index, (_, tensor)) in list.Index())
            {
                using var scope = NewDisposeScope();
                var plain = tensor.detach().cpu().contiguous();
                Add(FormattableString.Invariant($"data/{index}"), entry => entry.Write(plain.bytes));
            }

            Add("version", entry => entry.Write("3\n"u8));
        }, option: option);
    }

    /// <summary>Storages of a file, each read once.</summary>
    private sealed class Storages(PyTorchContainer container, long most) : IDisposable
    {
        private long left = most; // entries of an archive may overlap, so that each of many is as large as all of it
        private readonly Dictionary<(string, ScalarType), Tensor> loaded = [];

        /// <summary>A copy of a tensor. The caller owns it; it belongs to no dispose scope.</summary>
        public Tensor Take(StoredTensor place)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            if (!loaded.TryGetValue((place.Key, place.Type), out var storage)) loaded[(place.Key, place.Type)] = storage = Load(place).DetachFromDisposeScope();
            // Another tensor of the same storage may claim another size of it.
            if (storage.numel() != place.StorageCount) throw new FormatException($"storage {place.Key} has two sizes");
            return storage.as_strided(place.Shape, place.Strides, place.Offset).clone().DetachFromDisposeScope();
        }

        private Tensor Load(StoredTensor place)
        {
            long length = container.LengthOf(place.Key);
            if (length != checked(place.StorageCount * place.Size)) throw new FormatException($"storage {place.Key} has {length} bytes, not {place.StorageCount} numbers of {place.Size}");
            if ((left -= length) < 0) throw new FormatException("its storages are far larger than the file");
            if (length > Array.MaxLength) throw new FormatException($"storage {place.Key} has {length} bytes; at most {Array.MaxLength} are read");
            var storage = empty([place.StorageCount], dtype: place.Type);
            if (length > 0) container.Read(place.Key, storage.bytes);
            return storage;
        }

        public void Dispose()
        {
            foreach (var storage in loaded.Values) storage.Dispose();
        }
    }
}
