using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using static TorchSharp.torch;

namespace WclSharp.Checkpoints.PyTorch;

/// <summary>Writes the pickle (protocol 2) of a state dict: an <c>OrderedDict</c> of contiguous tensors, each in a storage of its own that is named by its number.</summary>
internal static class PickleWriter
{
    /// <param name="tensors">Name, type and shape of each, in order.</param>
    public static byte[] StateDict(IReadOnlyList<(string Name, ScalarType Type, long[] Shape)> tensors)
    {
        using var pickle = new MemoryStream();
        pickle.Write([0x80, 2]);
        Global(pickle, PyTorchNames.OrderedDict);
        pickle.Write(")R("u8);
        foreach (var (index, (name, type, shape)) in tensors.Index())
        {
            var storage = PyTorchNames.Storages.FirstOrDefault(each => each.Type == type);
            if (storage.Size == 0) throw new WclException($"'{name}' has numbers of type {type}, which PyTorch's files have no storage for here.");
            long count = shape.Aggregate(1L, (a, b) => a * b);
            Text(pickle, name);
            Global(pickle, PyTorchNames.RebuildTensor[0]);
            pickle.Write("(("u8);
            Text(pickle, "storage");
            Global(pickle, storage.Class);
            Text(pickle, index.ToString(CultureInfo.InvariantCulture));
            Text(pickle, "cpu");
            Integer(pickle, count);
            pickle.Write("tQ"u8);
            Integer(pickle, 0);
            Integers(pickle, shape);
            Integers(pickle, RowMajor(shape));
            pickle.WriteByte(0x89); // no gradient
            Global(pickle, PyTorchNames.OrderedDict);
            pickle.Write(")RtR"u8);
        }

        pickle.Write("u."u8);
        return pickle.ToArray();
    }

    private static long[] RowMajor(long[] shape)
    {
        var strides = new long[shape.Length];
        long step = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= Math.Max(1, shape[i]);
        }

        return strides;
    }

    private static void Global(MemoryStream pickle, PickleGlobal global) => pickle.Write(Encoding.ASCII.GetBytes($"c{global.Module}\n{global.Name}\n"));

    private static void Text(MemoryStream pickle, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        pickle.WriteByte((byte)'X');
        pickle.Write(length);
        pickle.Write(bytes);
    }

    private static void Integer(MemoryStream pickle, long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        if (value is >= 0 and <= int.MaxValue)
        {
            pickle.WriteByte((byte)'J');
            pickle.Write(bytes[..4]);
            return;
        }

        pickle.Write([0x8A, 8]);
        pickle.Write(bytes);
    }

    private static void Integers(MemoryStream pickle, long[] values)
    {
        pickle.WriteByte((byte)'(');
        foreach (long value in values) Integer(pickle, value);
        pickle.WriteByte((byte)'t');
    }
}
