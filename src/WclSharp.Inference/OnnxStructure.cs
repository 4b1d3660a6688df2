using System.IO.MemoryMappedFiles;
using System.Text;

namespace WclSharp.Inference;

/// <summary>
/// Looks through an ONNX file before ONNX Runtime's native reader does: that it has the messages, fields and operators which <c>wcl export</c> writes and no others, with as many bytes of weights
/// as their shapes say, and that what is computed of weights alone, as ONNX Runtime does while it loads a file, is no larger than they are. No weight is read. So nothing is allocated that the file has no bytes for, no other file is opened, and a
/// damaged file is refused here, with few exceptions.
/// </summary>
/// <remarks>Field numbers are those of <c>onnx.proto</c>. Messages do not contain their own kind, so that the depth is fixed.</remarks>
internal static class OnnxStructure
{
    private const int Varint = 0, Bytes = 2; // wire types
    private const int LargestAttribute = 16, MostDimensions = 4;
    private const long OfImages = -1;
    private const ulong LargestDimension = 1 << 24;
    private const ulong IntAttribute = 2, IntsAttribute = 7; // AttributeProto.AttributeType

    private static readonly string[] Operators =
        ["Add", "Cast", "Conv", "DequantizeLinear", "Flatten", "Gemm", "GlobalAveragePool", "MaxPool", "Mul", "QuantizeLinear", "Relu", "Softmax", "Sub"];

    // Those whose result has the size of their first input, so that they may have weights alone.
    private static readonly string[] OperatorsOfWeights = ["Cast", "DequantizeLinear"];

    private static readonly string[] IntAttributes = ["axis", "to", "transB"], IntsAttributes = ["kernel_shape", "pads", "strides"];

    /// <summary>Checks a file.</summary>
    /// <exception cref="WclUsageException">It is damaged or another program's.</exception>
    public static unsafe void Check(string path)
    {
        long length = new FileInfo(path).Length;
        if (length is 0 or > int.MaxValue) throw Refused(path, length == 0 ? "it is empty" : "it is larger than 2 GiB");
        using var file = MemoryMappedFile.CreateFromFile(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read), null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        using var view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        try
        {
            Check(new ReadOnlySpan<byte>(start + view.PointerOffset, (int)length), path);
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    /// <summary>Checks the content of a file.</summary>
    internal static void Check(ReadOnlySpan<byte> content, string path)
    {
        try
        {
            Model(content);
        }
        catch (InvalidDataException e)
        {
            throw Refused(path, e.Message);
        }
    }

    private static void Model(ReadOnlySpan<byte> message)
    {
        int graphs = 0;
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            switch (field, wire)
            {
                case (1 or 5, Varint): reader.Number(); break;      // versions
                case (2 or 3 or 4 or 6, Bytes): reader.Bytes(); break; // who made it, and what it is
                case (7, Bytes):
                    graphs++;
                    Graph(reader.Bytes());
                    break;
                case (8, Bytes): OperatorSet(reader.Bytes()); break;
                case (14, Bytes): Entry(reader.Bytes()); break;
                default: throw Unknown("the model", field);
            }
        }
        if (graphs != 1) throw new InvalidDataException($"it has {graphs} graphs, not one");
    }

    private static void Graph(ReadOnlySpan<byte> message)
    {
        var values = new Dictionary<string, long>(StringComparer.Ordinal); // names, and the numbers of weights; -1 of what images are part of
        long made = 0; // numbers that operators make of weights alone, before any image comes
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            switch (field, wire)
            {
                case (1 or 2 or 10, Bytes): reader.Bytes(); break; // operators are looked at when all weights are known
                case (5, Bytes):
                    var (weight, elements) = Weight(reader.Bytes());
                    values.TryAdd(weight, elements);
                    break;
                case (11, Bytes): values[Value(reader.Bytes())] = OfImages; break;
                case (12 or 13, Bytes): Value(reader.Bytes()); break;
                default: throw Unknown("the graph", field);
            }
        }

        reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            if (wire == Varint) reader.Number();
            else if (field == 1) made += Node(reader.Bytes(), values);
            else reader.Bytes();
            // Every weight once, of a byte at least.
            if (made > message.Length) throw new InvalidDataException("it makes more of its weights than wcl export lets it");
        }
    }

    /// <returns>Numbers that are made of weights alone.</returns>
    private static long Node(ReadOnlySpan<byte> message, Dictionary<string, long> values)
    {
        ReadOnlySpan<byte> type = default;
        bool ofWeights = true;
        long largest = 0;
        List<string> outputs = [];
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            switch (field, wire)
            {
                case (1, Bytes):
                    var input = reader.Bytes();
                    long numbers = values.TryGetValue(Encoding.UTF8.GetString(input), out long known) ? known : throw new InvalidDataException($"an operator takes \"{Shown(input)}\", which is not there before it");
                    ofWeights &= numbers != OfImages;
                    largest = Math.Max(largest, numbers);
                    break;
                case (2, Bytes): outputs.Add(Encoding.UTF8.GetString(reader.Bytes())); break;
                case (3 or 6, Bytes): reader.Bytes(); break;
                case (4, Bytes): type = reader.Bytes(); break;
                case (5, Bytes): Attribute(reader.Bytes()); break;
                default: throw Unknown("an operator", field);
            }
        }
        if (!IsOneOf(type, Operators)) throw new InvalidDataException($"it has the operator \"{Shown(type)}\", which wcl export does not write");
        if (ofWeights && !IsOneOf(type, OperatorsOfWeights)) throw new InvalidDataException($"it has an operator \"{Shown(type)}\" of weights alone, which wcl export does not write");
        foreach (string output in outputs) values[output] = ofWeights ? largest : OfImages;
        return ofWeights ? largest * outputs.Count : 0;
    }

    private static void Attribute(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> name = default;
        ulong type = 0, least = ulong.MaxValue, most = 0;
        int single = 0, several = 0;
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            switch (field, wire)
            {
                case (1, Bytes): name = reader.Bytes(); break;
                case (3 or 8, Varint):
                    ulong value = reader.Number();
                    (least, most) = (Math.Min(least, value), Math.Max(most, value)); // a negative number is a large one
                    if (field == 3) single++;
                    else several++;
                    break;
                case (20, Varint): type = reader.Number(); break;
                default: throw Unknown("an attribute", field);
            }
        }
        bool ofOne = type == IntAttribute && (single, several) == (1, 0) && IsOneOf(name, IntAttributes);
        bool ofSome = type == IntsAttribute && single == 0 && several is > 0 and <= 2 * MostDimensions && IsOneOf(name, IntsAttributes);
        if (!ofOne && !ofSome) throw new InvalidDataException($"it has an attribute \"{Shown(name)}\" that wcl export does not write so");
        if (most > LargestAttribute || (least == 0 && ofSome && !name.SequenceEqual("pads"u8))) throw new InvalidDataException($"its attribute \"{Shown(name)}\" is out of range");
    }

    /// <returns>Its name, and how many numbers it has.</returns>
    private static (string Name, long Elements) Weight(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> name = default;
        ulong elements = 1, type = 0;
        int dimensions = 0, bytes = 0;
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            switch (field, wire)
            {
                case (1, Varint):
                    ulong size = reader.Number();
                    if (++dimensions > MostDimensions || size is 0 or > LargestDimension) throw new InvalidDataException("it has weights of an impossible shape");
                    elements = Math.Min(elements * size, ulong.MaxValue / LargestDimension); // no overflow
                    break;
                case (2, Varint): type = reader.Number(); break;
                case (8, Bytes): name = reader.Bytes(); break;
                case (9, Bytes): bytes = reader.Bytes().Length; break;
                default: throw Unknown("a weight", field);
            }
        }
        ulong each = type switch
        {
            2 or 3 => 1,  // uint8, int8
            10 => 2,      // half precision
            1 or 6 => 4,  // float32, int32
            _ => throw new InvalidDataException($"it has weights of type {type}, which wcl export does not write"),
        };
        if (elements * each != (ulong)bytes) throw new InvalidDataException($"it has weights of {bytes} bytes whose shape asks for {elements * each}");
        return (Encoding.UTF8.GetString(name), (long)elements);
    }

    /// <summary>Name, type and shape of an input or an output.</summary>
    /// <returns>The name.</returns>
    private static string Value(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> name = default;
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            switch (field, wire)
            {
                case (1, Bytes): name = reader.Bytes(); break;
                case (2, Bytes): ValueType(reader.Bytes()); break;
                case (3, Bytes): reader.Bytes(); break;
                default: throw Unknown("an input or output", field);
            }
        }
        return Encoding.UTF8.GetString(name);
    }

    private static void ValueType(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            if ((field, wire) != (1, Bytes)) throw Unknown("a type", field);
            var tensor = new ProtoReader(reader.Bytes());
            while (tensor.Next(out field, out wire))
            {
                switch (field, wire)
                {
                    case (1, Varint): tensor.Number(); break;
                    case (2, Bytes): Shape(tensor.Bytes()); break;
                    default: throw Unknown("a type", field);
                }
            }
        }
    }

    private static void Shape(ReadOnlySpan<byte> message)
    {
        int dimensions = 0;
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            if ((field, wire) != (1, Bytes)) throw Unknown("a shape", field);
            if (++dimensions > MostDimensions) throw new InvalidDataException("it has an input or output of an impossible shape");
            var dimension = new ProtoReader(reader.Bytes());
            while (dimension.Next(out field, out wire))
            {
                switch (field, wire)
                {
                    case (1, Varint):
                        if (dimension.Number() is 0 or > LargestDimension) throw new InvalidDataException("it has an input or output of an impossible shape");
                        break;
                    case (2, Bytes): dimension.Bytes(); break;
                    default: throw Unknown("a shape", field);
                }
            }
        }
    }

    private static void OperatorSet(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            switch (field, wire)
            {
                case (1, Bytes):
                    if (!reader.Bytes().IsEmpty) throw new InvalidDataException("it has operators that are not the standard ones");
                    break;
                case (2, Varint): reader.Number(); break;
                default: throw Unknown("the version of the operators", field);
            }
        }
    }

    private static void Entry(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        while (reader.Next(out int field, out int wire))
        {
            if (field is not (1 or 2) || wire != Bytes) throw Unknown("the metadata", field);
            reader.Bytes();
        }
    }

    private static bool IsOneOf(ReadOnlySpan<byte> text, string[] names)
    {
        foreach (string name in names)
            if (text.Length == name.Length && Encoding.ASCII.GetString(text) == name) return true;
        return false;
    }

    private static string Shown(ReadOnlySpan<byte> text)
    {
        var shown = new StringBuilder();
        foreach (byte b in text[..Math.Min(text.Length, 40)]) shown.Append(b is > 31 and < 127 ? (char)b : '?');
        return shown.ToString();
    }

    private static InvalidDataException Unknown(string where, int field) => new($"{where} has a field {field} that wcl export does not write");

    private static WclUsageException Refused(string path, string reason) => new($"'{path}' is not an ONNX file that can be used: {reason}; give one that wcl export wrote.");
}
