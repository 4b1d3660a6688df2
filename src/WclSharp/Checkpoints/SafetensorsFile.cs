using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Checkpoints;

/// <summary>
/// Reads and writes the safetensors format: 8 bytes little-endian header length, a JSON header that gives every
/// tensor's dtype, shape and place, then raw little-endian row-major data. PyTorch, ONNX tools and others read it.
/// </summary>
internal static class SafetensorsFile
{
    private const long LargestHeader = 100 << 20; // the format's own limit

    private static readonly (string Name, ScalarType Type, int Size)[] Types =
    [
        ("F32", ScalarType.Float32, 4), ("F64", ScalarType.Float64, 8), ("BF16", ScalarType.BFloat16, 2), ("F16", ScalarType.Float16, 2),
        ("I64", ScalarType.Int64, 8), ("I32", ScalarType.Int32, 4), ("I16", ScalarType.Int16, 2), ("I8", ScalarType.Int8, 1),
        ("U8", ScalarType.Byte, 1), ("BOOL", ScalarType.Bool, 1),
    ];

    /// <summary>Writes tensors in the order given. The file appears whole or not at all.</summary>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
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
                stream.Write(tensor.detach().cpu().contiguous().bytes);
            }
        });
    }

    /// <summary>Reads every tensor, on the CPU. The caller owns them; they belong to no dispose scope.</summary>
    /// <exception cref="WclUsageException">The file is missing, truncated or not in the format.</exception>
    public static SafetensorsContent Read(string path)
    {
        var tensors = new Dictionary<string, Tensor>();
        try
        {
            using var stream = File.OpenRead(path);
            var (header, dataStart) = ReadHeader(stream, path);
            var metadata = new Dictionary<string, string>();
            foreach (var entry in header.RootElement.EnumerateObject())
            {
                if (entry.Name == "__metadata__")
                    foreach (var item in entry.Value.EnumerateObject()) metadata[item.Name] = item.Value.GetString() ?? "";
                else
                    tensors[entry.Name] = ReadTensor(stream, entry.Value, dataStart, path);
            }
            return new SafetensorsContent(tensors, metadata);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new WclUsageException($"No file '{path}'; give the path of a .safetensors file.", e);
        }
        catch (Exception e) when (e is EndOfStreamException or JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            foreach (var tensor in tensors.Values) tensor.Dispose();
            throw Corrupt(path, e.Message, e);
        }
    }

    private static (JsonDocument Header, long DataStart) ReadHeader(Stream stream, string path)
    {
        Span<byte> length = stackalloc byte[8];
        stream.ReadExactly(length);
        long size = BinaryPrimitives.ReadInt64LittleEndian(length);
        if (size <= 0 || size > LargestHeader || size > stream.Length - 8) throw Corrupt(path, $"its header claims {size} bytes");
        var json = new byte[size];
        stream.ReadExactly(json);
        return (JsonDocument.Parse(json), 8 + size);
    }

    private static Tensor ReadTensor(Stream stream, JsonElement entry, long dataStart, string path)
    {
        string typeName = entry.GetProperty("dtype").GetString()!;
        var (_, type, size) = Types.FirstOrDefault(t => t.Name == typeName);
        if (size == 0) throw Corrupt(path, $"dtype {typeName} is not known");
        long[] shape = [.. entry.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
        long begin = entry.GetProperty("data_offsets")[0].GetInt64(), end = entry.GetProperty("data_offsets")[1].GetInt64();
        long count = shape.Aggregate(1L, (a, b) => checked(a * b));
        if (begin < 0 || end - begin != count * size || dataStart + end > stream.Length) throw Corrupt(path, "a tensor's place lies outside the file");
        if (end - begin > Array.MaxLength) throw Corrupt(path, $"a tensor has {end - begin} bytes; at most {Array.MaxLength} are read");
        var bytes = new byte[end - begin];
        stream.Position = dataStart + begin;
        stream.ReadExactly(bytes);
        var tensor = empty(shape, dtype: type);
        if (bytes.Length > 0) bytes.CopyTo(tensor.bytes);
        return tensor.DetachFromDisposeScope();
    }

    private static WclUsageException Corrupt(string path, string why, Exception? inner = null) =>
        new($"'{path}' is not a whole safetensors file ({why}); use another checkpoint.", inner);
}

/// <summary>What a safetensors file holds.</summary>
internal sealed class SafetensorsContent(Dictionary<string, Tensor> tensors, Dictionary<string, string> metadata) : IDisposable
{
    /// <summary>Tensors by name, on the CPU.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => tensors;

    /// <summary>Strings that the writer added.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

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
