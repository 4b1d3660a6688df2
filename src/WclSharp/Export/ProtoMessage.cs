using Google.Protobuf;

namespace WclSharp.Export;

/// <summary>
/// A Protocol Buffers message by field numbers. An ONNX file needs nine kinds of message with some thirty fields in all: a
/// generated class for each would be longer than what is written with them, and would copy the weights once more.
/// </summary>
internal sealed class ProtoMessage
{
    private readonly List<(int Field, object Value)> fields = [];

    /// <summary>Adds an integer or an enumeration's member. A repeated field is added several times.</summary>
    public ProtoMessage Add(int field, long value) => AddValue(field, value);

    /// <summary>Adds text.</summary>
    public ProtoMessage Add(int field, string value) => AddValue(field, value);

    /// <summary>Adds bytes, which are not copied.</summary>
    public ProtoMessage Add(int field, ReadOnlyMemory<byte> value) => AddValue(field, UnsafeByteOperations.UnsafeWrap(value));

    /// <summary>Adds a message.</summary>
    public ProtoMessage Add(int field, ProtoMessage value) => AddValue(field, value);

    /// <summary>Adds messages of one field.</summary>
    public ProtoMessage Add(int field, IEnumerable<ProtoMessage> values) => values.Aggregate(this, (message, value) => message.Add(field, value));

    /// <summary>Writes the message, without its length.</summary>
    public void WriteTo(Stream stream)
    {
        using var output = new CodedOutputStream(stream, leaveOpen: true);
        WriteTo(output);
    }

    private ProtoMessage AddValue(int field, object value)
    {
        fields.Add((field, value));
        return this;
    }

    private int Size => fields.Sum(each => CodedOutputStream.ComputeTagSize(each.Field) + each.Value switch
    {
        long number => CodedOutputStream.ComputeInt64Size(number),
        string text => CodedOutputStream.ComputeStringSize(text),
        ByteString bytes => CodedOutputStream.ComputeBytesSize(bytes),
        var message => CodedOutputStream.ComputeLengthSize(((ProtoMessage)message).Size) + ((ProtoMessage)message).Size,
    });

    private void WriteTo(CodedOutputStream output)
    {
        foreach (var (field, value) in fields)
        {
            output.WriteTag(field, value is long ? WireFormat.WireType.Varint : WireFormat.WireType.LengthDelimited);
            switch (value)
            {
                case long number: output.WriteInt64(number); break;
                case string text: output.WriteString(text); break;
                case ByteString bytes: output.WriteBytes(bytes); break;
                case ProtoMessage message:
                    output.WriteLength(message.Size);
                    message.WriteTo(output);
                    break;
            }
        }
    }
}
