namespace WclSharp.Inference;

/// <summary>Reads a Protocol Buffers message field by field.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> rest = message;

    /// <summary>Reads the head of a field; its content has to be read after it. False at the end.</summary>
    public bool Next(out int field, out int wire)
    {
        (field, wire) = (0, 0);
        if (rest.IsEmpty) return false;
        ulong tag = Number();
        if (tag >> 3 is 0 or > 1 << 29) throw new InvalidDataException("it is damaged, or no ONNX file");
        (field, wire) = ((int)(tag >> 3), (int)(tag & 7));
        return true;
    }

    public ulong Number()
    {
        ulong value = 0;
        for (int i = 0; i < 10 && i < rest.Length; i++)
        {
            value |= (ulong)(rest[i] & 0x7F) << (7 * i);
            if (rest[i] >= 0x80) continue;
            rest = rest[(i + 1)..];
            return value;
        }
        throw new InvalidDataException("it is damaged, or no ONNX file");
    }

    public ReadOnlySpan<byte> Bytes()
    {
        ulong length = Number();
        if (length > (ulong)rest.Length) throw new InvalidDataException("it ends too early, or is no ONNX file");
        var content = rest[..(int)length];
        rest = rest[(int)length..];
        return content;
    }
}
