using System.Buffers.Binary;
using System.Text;

namespace WclSharp.Tests.Checkpoints.PyTorch;

/// <summary>Pickles of state dicts, right and wrong, written by hand.</summary>
internal static class TinyPickles
{
    /// <summary>A dictionary with the tensor "a" of one dimension in the storage "0" of float32 numbers.</summary>
    public static byte[] OneTensor(long count, long shape, long stride, long offset) =>
        [.. Latin("\u0080\u0002}"), .. Tensor('a', '0', count, shape, stride, offset), .. Latin(".")];

    /// <summary>A dictionary with some tensors of one number, each in a storage of its own: "0" to "9" at most.</summary>
    /// <param name="tensors">How many.</param>
    /// <param name="count">Numbers of each storage.</param>
    public static byte[] TensorsOfOneNumber(int tensors, long count) =>
        [.. Latin("\u0080\u0002}"), .. Enumerable.Range(0, tensors).SelectMany(i => Tensor((char)('a' + i), (char)('0' + i), count, 1, 1, 0)), .. Latin(".")];

    /// <summary>A dictionary with the parameter "a" of all numbers of the storage "0", as modules hold tensors.</summary>
    public static byte[] OneParameter(long count) => [.. Latin("\u0080\u0002}\u008C\u0001actorch._utils\n_rebuild_parameter\n("), .. Tensor('0', count, count, 1, 0), .. Latin("\u0088ccollections\nOrderedDict\n)RtRs.")];

    /// <summary>A key and its tensor, set in the dictionary.</summary>
    private static byte[] Tensor(char name, char storage, long count, long shape, long stride, long offset) =>
        [.. Latin($"\u008C\u0001{name}"), .. Tensor(storage, count, shape, stride, offset), .. Latin("s")];

    private static byte[] Tensor(char storage, long count, long shape, long stride, long offset) =>
    [
        .. Latin($"ctorch._utils\n_rebuild_tensor_v2\n((\u008C\u0007storagectorch\nFloatStorage\n\u008C\u0001{storage}\u008C\u0003cpu"),
        .. Number(count),
        .. Latin("tQ"),
        .. Number(offset),
        .. Number(shape),
        .. Latin("\u0085"),
        .. Number(stride),
        .. Latin("\u0085\u0089}tR"),
    ];

    private static byte[] Latin(string text) => Encoding.Latin1.GetBytes(text);

    private static byte[] Number(long value)
    {
        byte[] bytes = [0x8A, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(2), value);
        return bytes;
    }
}
