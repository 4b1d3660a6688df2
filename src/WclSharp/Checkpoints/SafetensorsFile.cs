using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using WclSharp.Data;
using WclSharp.Files;
using static TorchSharp.torch;

namespace WclSharp.Checkpoints;

/// <summary>
/// Reads and writes the safetensors format: 8 bytes little-endian header length, a JSON header that gives every
/// tensor's dtype, shape and place, then raw little-endian row-major data. PyTorch, ONNX tools and others read it.
/// </summary>
internal static class SafetensorsFile
{
    private const long LargestHeader = 100 << 20; // the format's own limit
    private const int MostDimensions = 16, MostTensors = 100_000; // a ResNet-101 with all that a checkpoint holds has some thousand

    /// <summary>Bytes that are copied at a time: one span holds less than 2 GiB, a tensor may hold more.</summary>
    internal const int LargestSlice = 1 << 30;

    private static readonly (string Name, ScalarType Type, int Size)[] Types =
    [
        ("F32", ScalarType.Float32, 4), ("F64", ScalarType.Float64, 8), ("BF16", ScalarType.BFloat16, 2), ("F16", ScalarType.Float16, 2),
        ("I64", ScalarType.Int64, 8), ("I32", ScalarType.Int32, 4), ("I16", ScalarType.Int16, 2), ("I8", ScalarType.Int8, 1),
        ("U8", ScalarType.Byte, 1), ("BOOL", ScalarType.Bool, 1),
    ];

    // What the format knows beside them. They are left aside: no weights of ours are such.
    private static readonly (string Name, int Size)[] TypesLeftAside =
        [("U16", 2), ("U32", 4), ("U64", 8), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F8_E8M0", 1), ("C64", 8)];

    /// <summary>Writes tensors in the order given. The file appears whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Tensors by name, of any size.</param>
    /// <param name="metadata">Strings beside them; null for none.</param>
    /// <param name="slice">Bytes that are copied at a time, at least one number's.</param>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null, int slice = LargestSlice)
    {
        var list = tensors.ToList();
        AtomicFile.Write(path, stream =>
        {
            var header = new JsonObject();
            if (metadata is { Count: > 0 })
                header["__metadata__"] = new JsonObject(metadata.Select(m => KeyValuePair.Create(m.Key, (JsonNode?)m.Value)));
            long offset = 0;
            foreach (var (name, tensor) in list)
            {
                var (typeName, _, size) = Types.First(t => t.Type == tensor.dtype);
                long end = offset + tensor.numel() * size;
                header[name] = new JsonObject
                {
                    ["dtype"] = typeName,
                    ["shape"] = new JsonArray([.. tensor.shape.Select(d => (JsonNode?)d)]),
                    ["data_offsets"] = new JsonArray(offset, end),
                };
                offset = end;
            }

            var json = Encoding.UTF8.GetBytes(header.ToJsonString());
            int padded = (json.Length + 7) & ~7; // data starts at a multiple of eight
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, padded);
            stream.Write(length);
            stream.Write(json);
            for (int i = json.Length; i < padded; i++) stream.WriteByte((byte)' ');
            foreach (var (_, tensor) in list)
            {
                using var scope = NewDisposeScope();
                foreach (var part in Slices(tensor.detach().contiguous(), slice))
                {
                    using var partScope = NewDisposeScope();
                    stream.Write(part.cpu().bytes);
                }
            }
        });
    }

    /// <summary>Reads every tensor of a type that there is here, on the CPU. The caller owns them; they belong to no dispose scope.</summary>
    /// <param name="path">The file.</param>
    /// <param name="slice">Bytes that are copied at a time, at least one number's.</param>
    /// <exception cref="WclUsageException">The file is missing, truncated or not in the format.</exception>
    public static SafetensorsContent Read(string path, int slice = LargestSlice)
    {
        var tensors = new Dictionary<string, Tensor>();
        try
        {
            using var stream = SpecialFile.OpenRead(path);
            var (entries, metadata, dataStart) = ReadHeader(stream);
            foreach (var entry in entries)
                if (entry.Type is { } type) tensors[entry.Name] = ReadTensor(stream, entry, type, dataStart, slice);
            return new SafetensorsContent(tensors, metadata, entries.Where(entry => entry.Type is null).ToDictionary(entry => entry.Name, entry => $"a tensor of {entry.TypeName}"));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new WclUsageException($"No file '{path}'; give the path of a .safetensors file.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException)
        {
            foreach (var tensor in tensors.Values) tensor.Dispose();
            throw new WclUsageException(KindOf(path) is { } other ? $"'{path}' {other}." : $"'{path}' is not a whole safetensors file ({ErrorText.Of(e)}); {(SpecialFile.Is(path) ? "save what comes through it as a file, and give that" : "use another checkpoint")}.", e);
        }
    }

    private static string? KindOf(string path)
    {
        try
        {
            Span<byte> start = stackalloc byte[WeightsFile.StartBytes];
            using var stream = SpecialFile.OpenRead(path);
            return WeightsFile.OtherKind(start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // told of by the first error
        }
    }

    /// <summary>A tensor's place; without a type that there is here, only its place.</summary>
    private sealed record Entry(string Name, string TypeName, ScalarType? Type, long[] Shape, long Begin, long End);

    /// <summary>Reads and checks the header, so that nothing is read of a file that is wrong somewhere: tensors have to fill the data one after the other, without gap or overlap.</summary>
    private static (List<Entry> Entries, Dictionary<string, string> Metadata, long DataStart) ReadHeader(FileStream stream)
    {
        Span<byte> length = stackalloc byte[8];
        stream.ReadExactly(length);
        long size = BinaryPrimitives.ReadInt64LittleEndian(length);
        if (size <= 0 || size > LargestHeader || size > stream.Length - 8) throw new FormatException($"its header claims {size} bytes");
        var json = new byte[size];
        stream.ReadExactly(json);
        RequireFewEnough(json);
        using var header = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });

        var metadata = new Dictionary<string, string>();
        var entries = new List<Entry>();
        foreach (var property in header.RootElement.EnumerateObject())
        {
            if (property.Name == "__metadata__")
                foreach (var item in property.Value.EnumerateObject()) metadata[item.Name] = item.Value.GetString() ?? "";
            else
                entries.Add(EntryOf(property.Name, property.Value));
        }

        long at = 0;
        foreach (var entry in entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End))
        {
            if (entry.Begin != at) throw new FormatException($"'{entry.Name}' begins at {entry.Begin}, not at {at} where the one before it ends");
            at = entry.End;
        }

        long data = stream.Length - 8 - size;
        return at == data ? (entries, metadata, 8 + size) : throw new FormatException($"its tensors have {at} bytes, its data {data}");
    }

    /// <summary>Objects are made of a header only where they are not too many: it may have two million names.</summary>
    private static void RequireFewEnough(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        for (int names = 0; reader.Read();)
            if (reader is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 } && ++names > MostTensors) throw new FormatException(FormattableString.Invariant($"it has more than {MostTensors:N0} tensors"));
    }

    private static Entry EntryOf(string name, JsonElement element)
    {
        string typeName = element.GetProperty("dtype").GetString() ?? "";
        var (_, type, size) = Types.FirstOrDefault(t => t.Name == typeName);
        bool isRead = size > 0;
        if (!isRead) size = TypesLeftAside.FirstOrDefault(t => t.Name == typeName).Size;
        if (size == 0) throw new FormatException($"'{name}' has the dtype {typeName}, which is not known");
        var dimensions = element.GetProperty("shape");
        if (dimensions.GetArrayLength() > MostDimensions) throw new FormatException($"'{name}' has an impossible shape");
        long[] shape = [.. dimensions.EnumerateArray().Select(d => d.GetInt64())];
        if (shape.Any(d => d < 0)) throw new FormatException($"'{name}' has an impossible shape");
        _ = shape.Aggregate(1L, (a, b) => checked(a * Math.Max(1, b))); // the strides have to be numbers, too
        var offsets = element.GetProperty("data_offsets");
        if (offsets.GetArrayLength() != 2) throw new FormatException($"'{name}' has {offsets.GetArrayLength()} offsets");
        long begin = offsets[0].GetInt64(), end = offsets[1].GetInt64(), count = shape.Aggregate(1L, (a, b) => checked(a * b));
        if (begin < 0 || checked(end - begin) != checked(count * size)) throw new FormatException($"'{name}' has {end - begin} bytes for {count} numbers of {typeName}");
        return new Entry(name, typeName, isRead ? type : null, shape, begin, end);
    }

    private static Tensor ReadTensor(FileStream stream, Entry entry, ScalarType type, long dataStart, int slice)
    {
        using var scope = NewDisposeScope(); // frees it where reading fails
        stream.Position = dataStart + entry.Begin;
        var tensor = empty(entry.Shape, dtype: type);
        foreach (var part in Slices(tensor, slice)) stream.ReadExactly(part.bytes);
        return tensor.DetachFromDisposeScope();
    }

    /// <summary>The numbers of a contiguous tensor in their order, some at a time; the dispose scope owns the parts.</summary>
    private static IEnumerable<Tensor> Slices(Tensor tensor, int slice)
    {
        var all = tensor.view(-1);
        long count = all.size(0), step = slice / Types.First(t => t.Type == tensor.dtype).Size;
        for (long start = 0; start < count; start += step) yield return all.narrow(0, start, Math.Min(step, count - start));
    }
}

/// <summary>Tensors by name, and what a file says beside them.</summary>
internal sealed class SafetensorsContent(Dictionary<string, Tensor> tensors, Dictionary<string, string> metadata, Dictionary<string, string> others) : IDisposable
{
    /// <summary>Tensors by name, on the CPU.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => tensors;

    /// <summary>Strings that the writer added.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>What has a name in the file but is no tensor that is read here: what it is, by name.</summary>
    public IReadOnlyDictionary<string, string> Others => others;

    /// <summary>A tensor by name.</summary>
    public Tensor this[string name] => tensors.TryGetValue(name, out var tensor)
        ? tensor
        : throw new WclUsageException($"The file has no tensor '{name}'.");

    public void Dispose()
    {
        foreach (var tensor in tensors.Values) tensor.Dispose();
        tensors.Clear();
    }
}
