using System.Numerics;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>How numbers lie in memory; kernels compute in float32 and take them two vectors at a time.</summary>
internal unsafe interface IElements
{
    /// <summary>Bytes of a number.</summary>
    static abstract int Size { get; }

    /// <summary>libtorch's name for it.</summary>
    static abstract ScalarType Type { get; }

    /// <summary>Reads two vectors from a place.</summary>
    static abstract (Values, Values) Load(byte* place);

    /// <summary>Writes two vectors to a place.</summary>
    static abstract void Store(byte* place, Values first, Values second);

    /// <summary>Writes two vectors to a place, a multiple of a vector's size, past the caches.</summary>
    static abstract void Stream(byte* place, Values first, Values second);

    /// <summary>Reads as many as are computed on at once.</summary>
    static abstract T LoadLanes<T>(byte* place) where T : struct, ILanes<T>;

    /// <summary>Writes as many.</summary>
    static abstract void StoreLanes<T>(T values, byte* place) where T : struct, ILanes<T>;
}

/// <summary>float32.</summary>
internal readonly unsafe struct Float32Elements : IElements
{
    public static int Size => sizeof(float);

    public static ScalarType Type => ScalarType.Float32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Values, Values) Load(byte* place) => (*(Values*)place, *((Values*)place + 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* place, Values first, Values second)
    {
        *(Values*)place = first;
        *((Values*)place + 1) = second;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Stream(byte* place, Values first, Values second)
    {
        first.StoreAlignedNonTemporal((float*)place);
        second.StoreAlignedNonTemporal((float*)place + Values.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LoadLanes<T>(byte* place) where T : struct, ILanes<T> => T.Load((float*)place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLanes<T>(T values, byte* place) where T : struct, ILanes<T> => T.Store(values, (float*)place);
}

/// <summary>bfloat16: the upper half of a float32, rounded to the nearest, ties to even.</summary>
internal readonly unsafe struct BFloat16Elements : IElements
{
    public static int Size => sizeof(ushort);

    public static ScalarType Type => ScalarType.BFloat16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Values, Values) Load(byte* place)
    {
        Vector.Widen(*(Vector<ushort>*)place, out var first, out var second);
        return (Vector.AsVectorSingle(first << 16), Vector.AsVectorSingle(second << 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* place, Values first, Values second) =>
        *(Vector<ushort>*)place = Vector.Narrow(Round(first), Round(second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Stream(byte* place, Values first, Values second) =>
        Vector.Narrow(Round(first), Round(second)).StoreAlignedNonTemporal((ushort*)place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LoadLanes<T>(byte* place) where T : struct, ILanes<T> => T.LoadBFloat16((ushort*)place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLanes<T>(T values, byte* place) where T : struct, ILanes<T> => T.StoreBFloat16(values, (ushort*)place);

    /// <summary>Numbers of two vectors as words, the first's in the lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<uint> Pair(Values first, Values second) => Round(first) | (Round(second) << 16);

    // A NaN whose payload overflowed would become a zero or an infinity; one of activations is caught by the loss.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Round(Values values)
    {
        var bits = Vector.AsVectorUInt32(values);
        return (bits + new Vector<uint>(0x7FFF) + ((bits >>> 16) & Vector<uint>.One)) >>> 16;
    }
}
