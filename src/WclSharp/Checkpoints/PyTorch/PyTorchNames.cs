using static TorchSharp.torch;

namespace WclSharp.Checkpoints.PyTorch;

/// <summary>The Python names that state dicts are made of.</summary>
internal static class PyTorchNames
{
    public static readonly PickleGlobal OrderedDict = new("collections", "OrderedDict");

    /// <summary>Calls that make a tensor: today's, and that of versions before 0.4.</summary>
    public static readonly PickleGlobal[] RebuildTensor = [new("torch._utils", "_rebuild_tensor_v2"), new("torch._utils", "_rebuild_tensor")];

    public static readonly PickleGlobal RebuildParameter = new("torch._utils", "_rebuild_parameter");

    /// <summary>Storage classes that are not read, with the bytes of their elements, by which they are passed over.</summary>
    public static readonly (PickleGlobal Class, int Size)[] OtherStorages =
    [
        (new("torch", "ComplexFloatStorage"), 8), (new("torch", "ComplexDoubleStorage"), 16), (new("torch", "QInt8Storage"), 1), (new("torch", "QUInt8Storage"), 1), (new("torch", "QInt32Storage"), 4),
    ];

    /// <summary>Storage classes with the type and bytes of their elements.</summary>
    public static readonly (PickleGlobal Class, ScalarType Type, int Size)[] Storages =
    [
        (new("torch", "FloatStorage"), ScalarType.Float32, 4), (new("torch", "DoubleStorage"), ScalarType.Float64, 8), (new("torch", "HalfStorage"), ScalarType.Float16, 2),
        (new("torch", "BFloat16Storage"), ScalarType.BFloat16, 2), (new("torch", "LongStorage"), ScalarType.Int64, 8), (new("torch", "IntStorage"), ScalarType.Int32, 4),
        (new("torch", "ShortStorage"), ScalarType.Int16, 2), (new("torch", "CharStorage"), ScalarType.Int8, 1), (new("torch", "ByteStorage"), ScalarType.Byte, 1),
        (new("torch", "BoolStorage"), ScalarType.Bool, 1),
    ];
}
