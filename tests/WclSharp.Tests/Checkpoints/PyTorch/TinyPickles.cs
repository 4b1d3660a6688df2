using System.Buffers.Binary;
using System.Text;

namespace WclSharp.Tests.Checkpoints.PyTorch;

/// <summary>Pickles of state dicts, right and wrong, written by hand.</summary>
internal static class TinyPickles
{
    /// <summary>A dictionary with the tensor "a" of one dimension in the storage "0" of float32 numbers.</summary>
    public static byte[] OneTensor(long count, long shape, long stride, long offset)
    {
        using var pickle = new MemoryStream();
        void Add(string text) => pickle.Write(Encoding.Latin1.GetBytes(text));
        void Number(long value)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            pickle.Write([0x8A, 8]);
            pickle.Write(bytes);
        }

        Add("\u0080\u0002}\u008C\u0001actorch._utils\n_rebuild_tensor_v2\n((\u008C\u0007storagectorch\nFloatStorage\n\u008C\u00010\u008C\u0003cpu");
        Number(count);
        Add("tQ");
        Number(offset);
        Number(shape);
        Add("\u0085");
        Number(stride);
        Add("\u0085\u0089}tRs.");
        return pickle.ToArray();
    }
}
