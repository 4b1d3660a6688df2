using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>Which outputs lie above a floor, a bit each: what backward asks an output for, in a sixteenth of bfloat16's memory.</summary>
internal readonly unsafe struct ReluMask
{
    private readonly Vector<uint> first, second; // the bit of every value of two vectors

    /// <summary>To read masks with.</summary>
    public ReluMask()
    {
        Vector<uint> one = default, two = default;
        for (int i = 0; i < Values.Count; i++)
        {
            one = one.WithElement(i, 1u << i);
            two = two.WithElement(i, 1u << (Values.Count + i));
        }
        (first, second) = (one, two);
    }

    /// <summary>Bytes of a mask of so many values, a multiple of two vectors'.</summary>
    public static long Bytes(long values) => values / 8;

    /// <summary>Where in a mask, null for none, the bits after those of so many values begin.</summary>
    public static byte* At(byte* mask, long values) => mask is null ? null : mask + Bytes(values);

    /// <summary>Writes the bits of two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(byte* place, (Values, Values) output, Values floor)
    {
        uint bits = Bits(Vector.GreaterThan(output.Item1, floor)) | (Bits(Vector.GreaterThan(output.Item2, floor)) << Values.Count);
        if (Values.Count == 16) *(uint*)place = bits;
        else if (Values.Count == 8) *(ushort*)place = (ushort)bits;
        else *place = (byte)bits;
    }

    /// <summary>Two vectors where their bits are set, zeros elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (Values, Values) Pass(byte* place, (Values, Values) values)
    {
        var bits = new Vector<uint>(Values.Count == 16 ? *(uint*)place : Values.Count == 8 ? *(ushort*)place : *place);
        return (Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(bits & first, first)), values.Item1, Values.Zero),
            Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(bits & second, second)), values.Item2, Values.Zero));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Bits(Vector<int> mask) =>
        Values.Count == 16 ? (uint)mask.AsVector512().ExtractMostSignificantBits() : Values.Count == 8 ? mask.AsVector256().ExtractMostSignificantBits() : mask.AsVector128().ExtractMostSignificantBits();
}
