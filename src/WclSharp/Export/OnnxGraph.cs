using System.Runtime.InteropServices;
using WclSharp.Reporting;

namespace WclSharp.Export;

/// <summary>
/// A network as ONNX has it: operators that read and write named values, with the weights among these. Field numbers are those of
/// <c>onnx.proto</c>; opset 17 of the operators and version 8 of the format are what ONNX Runtime and ML.NET have read for years.
/// </summary>
internal sealed class OnnxGraph
{
    private const long IrVersion = 8, Opset = 17;
    private const long Float32 = 1, UInt8 = 2, Int8 = 3, Int32 = 6, Float16 = 10; // TensorProto.DataType
    private const long IntAttribute = 2, IntsAttribute = 7;                    // AttributeProto.AttributeType

    private readonly List<ProtoMessage> nodes = [], weights = [], inputs = [], outputs = [];
    private long weightBytes;

    /// <summary>Declares the network's input.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its dimensions after the first, which is N.</param>
    /// <param name="meaning">What it holds, for people.</param>
    public string Input(string name, ReadOnlySpan<long> shape, string meaning)
    {
        inputs.Add(Value(name, shape).Add(3, meaning));
        return name;
    }

    /// <summary>Declares a value to be an output, [N, length].</summary>
    public void Output(string name, long length, string meaning) => outputs.Add(Value(name, [length]).Add(3, meaning));

    /// <summary>Declares values that nodes write to be outputs, float32 of any shape.</summary>
    public void Observe(IEnumerable<string> names) => outputs.AddRange(names.Select(name =>
        new ProtoMessage().Add(1, name).Add(2, new ProtoMessage().Add(1, new ProtoMessage().Add(1, Float32)))));

    /// <summary>Adds a tensor of weights: float32, half precision, 8-bit integers with and without sign, or 32-bit ones.</summary>
    /// <exception cref="WclUsageException">There are more than an ONNX file holds.</exception>
    public string Weight<T>(string name, ReadOnlySpan<long> shape, T[] values) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values.AsSpan());
        weightBytes += bytes.Length;
        if (weightBytes > int.MaxValue - (64 << 20)) // less what is beside the weights
            throw new WclUsageException("The network has more than 2 GiB of weights, which one ONNX file cannot hold; export it with --format safetensors.");
        var tensor = new ProtoMessage();
        foreach (long size in shape) tensor.Add(1, size);
        weights.Add(tensor.Add(2, TypeOf<T>()).Add(8, name).Add(9, bytes.ToArray()));
        return name;
    }

    /// <summary>Adds an operator with one output.</summary>
    /// <param name="type">Its name in ONNX.</param>
    /// <param name="output">Name of what it writes.</param>
    /// <param name="inputs">Names of what it reads.</param>
    /// <param name="attributes">Attributes that are one integer (<see cref="long"/>) or several (<see cref="long"/>[]).</param>
    /// <returns><paramref name="output"/>.</returns>
    public string Node(string type, string output, ReadOnlySpan<string> inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = new ProtoMessage();
        foreach (string input in inputs) node.Add(1, input);
        node.Add(2, output).Add(3, output).Add(4, type);
        foreach (var (name, value) in attributes)
        {
            var attribute = new ProtoMessage().Add(1, name);
            if (value is long single) attribute.Add(3, single).Add(20, IntAttribute);
            else attribute = ((long[])value).Aggregate(attribute, (message, number) => message.Add(8, number)).Add(20, IntsAttribute);
            node.Add(5, attribute);
        }
        nodes.Add(node);
        return output;
    }

    /// <summary>The content of the file.</summary>
    /// <param name="name">Name of the graph.</param>
    /// <param name="metadata">The file's <c>metadata_props</c>.</param>
    public ProtoMessage ToModel(string name, IReadOnlyDictionary<string, string> metadata)
    {
        var graph = new ProtoMessage().Add(1, nodes).Add(2, name).Add(5, weights).Add(11, inputs).Add(12, outputs);
        return new ProtoMessage()
            .Add(1, IrVersion).Add(2, "WclSharp").Add(3, SoftwareVersions.Library)
            .Add(7, graph)
            .Add(8, new ProtoMessage().Add(1, "").Add(2, Opset)) // the standard operators
            .Add(14, metadata.Select(entry => new ProtoMessage().Add(1, entry.Key).Add(2, entry.Value)));
    }

    private static long TypeOf<T>() => default(T) switch
    {
        float => Float32,
        Half => Float16,
        byte => UInt8,
        sbyte => Int8,
        int => Int32,
        _ => throw new ArgumentException($"{typeof(T).Name} is not a type of weights."),
    };

    /// <summary>A ValueInfoProto of [N, shape] float32.</summary>
    private static ProtoMessage Value(string name, ReadOnlySpan<long> shape)
    {
        var dimensions = new ProtoMessage().Add(1, new ProtoMessage().Add(2, "N"));
        foreach (long size in shape) dimensions.Add(1, new ProtoMessage().Add(1, size));
        return new ProtoMessage().Add(1, name).Add(2, new ProtoMessage().Add(1, new ProtoMessage().Add(1, Float32).Add(2, dimensions)));
    }
}
