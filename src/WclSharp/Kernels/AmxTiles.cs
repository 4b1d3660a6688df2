using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WclSharp.Kernels;

/// <summary>Puts bfloat16 numbers into the order that <see cref="AmxKernel"/> reads them in, and results back.</summary>
internal static unsafe class AmxTiles
{
    /// <summary>Two rows of 16 numbers as 16 pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Pair(Vector256<ushort> even, Vector256<ushort> odd) =>
        Avx512F.ConvertToVector512UInt32(even) | (Avx512F.ConvertToVector512UInt32(odd) << 16);

    /// <summary>16 float32 as bfloat16, rounded to the nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Rounded(Vector512<float> values)
    {
        // As BFloat16Elements: a NaN whose payload overflowed is caught by the loss.
        var bits = values.AsUInt32();
        return Avx512F.ConvertToVector256UInt16((bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512<uint>.One)) >>> 16);
    }

    /// <summary>32 float32 as bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Rounded(float* values) => Vector512.Create(Rounded(Vector512.Load(values)), Rounded(Vector512.Load(values + Vector512<float>.Count)));

    /// <summary>Adds 32 numbers to what 32 bfloat16 hold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* values, ushort* place)
    {
        var (low, high) = Vector512.Widen(Vector512.Load(place));
        var first = Vector512.Load(values) + (low << 16).AsSingle();
        var second = Vector512.Load(values + Vector512<float>.Count) + (high << 16).AsSingle();
        Vector512.Create(Rounded(first), Rounded(second)).Store(place);
    }

    /// <summary>The transpose of 16 x 16 words.</summary>
    /// <param name="rows">Sixteen rows, overwritten by the columns.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(Vector512<uint>* rows)
    {
        // Within lanes of four words, pairs of rows and then pairs of pairs; then the lanes.
        for (int i = 0; i < 16; i += 4)
        {
            var (first, second, third, fourth) = (rows[i], rows[i + 1], rows[i + 2], rows[i + 3]);
            var (low, high) = (Avx512F.UnpackLow(first, second).AsUInt64(), Avx512F.UnpackHigh(first, second).AsUInt64());
            var (low2, high2) = (Avx512F.UnpackLow(third, fourth).AsUInt64(), Avx512F.UnpackHigh(third, fourth).AsUInt64());
            rows[i] = Avx512F.UnpackLow(low, low2).AsUInt32();
            rows[i + 1] = Avx512F.UnpackHigh(low, low2).AsUInt32();
            rows[i + 2] = Avx512F.UnpackLow(high, high2).AsUInt32();
            rows[i + 3] = Avx512F.UnpackHigh(high, high2).AsUInt32();
        }
        const byte EvenLanes = 0x88, OddLanes = 0xDD;
        for (int i = 0; i < 4; i++)
        {
            var (first, second, third, fourth) = (rows[i], rows[i + 4], rows[i + 8], rows[i + 12]);
            var (even, odd) = (Avx512F.Shuffle4x128(first, second, EvenLanes), Avx512F.Shuffle4x128(first, second, OddLanes));
            var (even2, odd2) = (Avx512F.Shuffle4x128(third, fourth, EvenLanes), Avx512F.Shuffle4x128(third, fourth, OddLanes));
            rows[i] = Avx512F.Shuffle4x128(even, even2, EvenLanes);
            rows[i + 8] = Avx512F.Shuffle4x128(even, even2, OddLanes);
            rows[i + 4] = Avx512F.Shuffle4x128(odd, odd2, EvenLanes);
            rows[i + 12] = Avx512F.Shuffle4x128(odd, odd2, OddLanes);
        }
    }
}
