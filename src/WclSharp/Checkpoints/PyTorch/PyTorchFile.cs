using System.IO.Compression;
using TorchSharp;
using WclSharp.Files;
using static TorchSharp.torch;

namespace WclSharp.Checkpoints.PyTorch;

/// <summary>
/// Reads and writes state dicts as PyTorch's <c>torch.save</c> does since version 1.6: a zip archive of a pickle that describes the tensors, and of a file of little-endian numbers for
/// each storage. What a training script put beside the tensors is read over, objects of Python classes too: <see cref="SafetensorsContent.Others"/> names them.
/// </summary>
internal static class PyTorchFile
{
    private const int LargestPickle = 64 << 20;

    // The names under which training scripts keep the weights, the likeliest first.
    private static readonly string[] Wrappers = ["state_dict", "model_state_dict", "model", "net", "encoder", "backbone"];

    /// <summary>Whether a file begins as such an archive.</summary>
    public static bool Recognises(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8);

    /// <summary>Whether a file begins as PyTorch wrote before version 1.6, which is not read.</summary>
    /// <param name="start">Its first <see cref="WeightsFile.StartBytes"/> bytes, where it has as many.</param>
    public static bool RecognisesLegacy(ReadOnlySpan<byte> start) => // a magic number of ten bytes, from protocol 4 on in a frame
        start is [0x80, >= 2 and <= 5, 0x8A, 0x0A, ..] or [0x80, 4 or 5, 0x95, _, _, _, _, _, _, _, _, 0x8A, 0x0A, ..];

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
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read);
            var pickle = archive.Entries.FirstOrDefault(entry => entry.FullName == "data.pkl" || entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal))
                ?? throw new FormatException("the archive has no data.pkl");
            string folder = pickle.FullName[..^"data.pkl".Length];
            if (archive.GetEntry(folder + "byteorder") is { } order && System.Text.Encoding.ASCII.GetString(Content(order, 16)).Trim() == "big") throw new FormatException("its numbers are big-endian");
            var described = new PickleReader(Content(pickle, LargestPickle)).Read();
            // Tensors may share a storage; many that do must not fill the memory with copies.
            using var storages = new Storages(archive, folder, 4 * stream.Length);
            long left = 4 * stream.Length + (1 << 20);
            foreach (var (name, value) in StateDict(described, isWanted))
            {
                if (TensorOf(value, out string? other) is not { } shape)
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

    /// <summary>Where a tensor's numbers lie.</summary>
    private sealed record StoredTensor(string Key, ScalarType Type, int Size, long StorageCount, long Offset, long[] Shape, long[] Strides)
    {
        public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));
    }

    /// <summary>The dictionary of tensors: of the file's own and those that it keeps under usual names the first that is wanted.</summary>
    private static Dictionary<string, object?> StateDict(object? described, Func<IReadOnlyCollection<string>, bool>? isWanted)
    {
        const string alone = "save the state dict alone with torch.save(model.state_dict(), FILE)";
        var dictionary = described as Dictionary<string, object?> ?? throw new FormatException(WhatOf(described) is { } what ? $"it holds {what}; {alone}" : "it holds no dictionary");
        var inner = Wrappers.Select(name => dictionary.GetValueOrDefault(name)).OfType<Dictionary<string, object?>>();
        List<Dictionary<string, object?>> all = [.. inner.Prepend(dictionary).Where(each => TensorNames(each).Count > 0)];
        if (all.Count > 0) return (isWanted is null ? null : all.Find(each => isWanted(TensorNames(each)))) ?? all.MaxBy(each => TensorNames(each).Count)!;
        var (key, value) = dictionary.FirstOrDefault(pair => Wrappers.Contains(pair.Key) && WhatOf(pair.Value) is not null);
        throw new FormatException(key is null ? $"there are no tensors in it, nor in its {string.Join(", ", Wrappers)}" : $"its {key} is {WhatOf(value)}; {alone}");
    }

    private static List<string> TensorNames(Dictionary<string, object?> dictionary) => [.. dictionary.Where(pair => IsTensor(pair.Value)).Select(pair => pair.Key)];

    private static bool IsTensor(object? value) => value is PickleCall call && (call.Function == PyTorchNames.RebuildTensor || call.Function == PyTorchNames.RebuildParameter);

    /// <summary>What a value is that is no tensor and no plain value; null for these.</summary>
    private static string? WhatOf(object? value) => value switch
    {
        _ when IsTensor(value) => null,
        PickleCall call => $"Python's {call.Function.Module}.{call.Function.Name}",
        PickleGlobal global => $"Python's {global.Module}.{global.Name}",
        PickleOther other => other.What,
        _ => null,
    };

    /// <summary>_rebuild_tensor_v2(storage, offset, size, stride, ...) or a parameter of one; null for what is no tensor, or none of numbers that are read.</summary>
    /// <param name="value">The value.</param>
    /// <param name="other">What it is where it is another object.</param>
    private static StoredTensor? TensorOf(object? value, out string? other)
    {
        other = WhatOf(value);
        if (value is PickleCall { Arguments: [PickleCall inner, ..] } parameter && parameter.Function == PyTorchNames.RebuildParameter) value = inner;
        if (value is not PickleCall call || call.Function != PyTorchNames.RebuildTensor) return null;
        if (call.Arguments is not [PicklePersistentId { Id: object?[] and ["storage", PickleGlobal kind, string key, _, long storageCount, ..] }, long offset, object?[] size, object?[] stride, ..]
            || size.Length != stride.Length || !size.Concat(stride).All(each => each is long and >= 0))
            throw new FormatException("a tensor is described wrongly");
        var (_, type, bytes) = PyTorchNames.Storages.FirstOrDefault(storage => storage.Class == kind);
        if (bytes == 0)
        {
            other = $"a tensor in a {kind.Module}.{kind.Name}";
            return null;
        }

        var tensor = new StoredTensor(key, type, bytes, storageCount, offset, [.. size.Cast<long>()], [.. stride.Cast<long>()]);
        long last = tensor.Count == 0 ? offset : checked(offset + tensor.Shape.Zip(tensor.Strides, (n, step) => (n - 1) * step).Sum() + 1);
        // No more numbers than the storage has: an expanded tensor could ask for any amount.
        if (offset < 0 || last > storageCount) throw new FormatException("a tensor lies outside its storage");
        if (tensor.Count > storageCount)
        {
            other = "a tensor that repeats its numbers (expand)";
            return null;
        }

        return tensor;
    }

    /// <summary>Storages of a file, each read once.</summary>
    private sealed class Storages(ZipArchive archive, string folder, long most) : IDisposable
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
            var entry = archive.GetEntry($"{folder}data/{place.Key}") ?? throw new FormatException($"the numbers of storage {place.Key} are missing");
            if (entry.Length != checked(place.StorageCount * place.Size)) throw new FormatException($"storage {place.Key} has {entry.Length} bytes, not {place.StorageCount} numbers of {place.Size}");
            if ((left -= entry.Length) < 0) throw new FormatException("its storages are far larger than the file");
            byte[] bytes = Content(entry, Array.MaxLength);
            var storage = empty([place.StorageCount], dtype: place.Type);
            if (bytes.Length > 0) bytes.CopyTo(storage.bytes);
            return storage;
        }

        public void Dispose()
        {
            foreach (var storage in loaded.Values) storage.Dispose();
        }
    }

    private static byte[] Content(ZipArchiveEntry entry, int largest)
    {
        // torch.save does not compress; what is compressed could be a bomb.
        if (entry.CompressedLength != entry.Length) throw new FormatException($"{entry.FullName} is compressed, which torch.save does not do");
        if (entry.Length > largest) throw new FormatException($"{entry.FullName} has {entry.Length} bytes; at most {largest} are read");
        using var stream = entry.Open();
        var bytes = new byte[entry.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
