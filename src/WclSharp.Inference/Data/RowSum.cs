using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WclSharp.Data;

/// <summary>Weighted sums of rows of bytes, the first half of every resize: a new row is made of the few old ones around it, in registers.</summary>
internal static unsafe class RowSum
{
    private const int Lanes = 8, WideLanes = 16;

    // Compiled at once: tiers would leave a whole pass over a small data set to slow code.
    private const MethodImplOptions Loop = MethodImplOptions.AggressiveOptimization, Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Writes the sums. Vectors of any width and the plain loop round alike.</summary>
    /// <param name="rows">The first row.</param>
    /// <param name="stride">Bytes from one row to the next.</param>
    /// <param name="weights">A weight for each row.</param>
    /// <param name="length">Bytes of a row.</param>
    /// <param name="sums">[length] float32.</param>
    [MethodImpl(Loop)]
    public static void Write(byte* rows, long stride, ReadOnlySpan<float> weights, int length, float* sums)
    {
        if (Avx512F.IsSupported && length >= WideLanes)
        {
            int x = 0;
            for (; x + 4 * WideLanes <= length; x += 4 * WideLanes)
            {
                Vector512<float> a = default, b = default, c = default, d = default;
                byte* pixels = rows + x;
                for (int i = 0; i < weights.Length; i++, pixels += stride)
                {
                    var weight = Vector512.Create(weights[i]);
                    a += Sixteen(pixels) * weight;
                    b += Sixteen(pixels + WideLanes) * weight;
                    c += Sixteen(pixels + 2 * WideLanes) * weight;
                    d += Sixteen(pixels + 3 * WideLanes) * weight;
                }
                a.Store(sums + x);
                b.Store(sums + x + WideLanes);
                c.Store(sums + x + 2 * WideLanes);
                d.Store(sums + x + 3 * WideLanes);
            }
            // The last vector ends with the row, and does some bytes twice.
            for (; x < length; x += WideLanes)
            {
                x = Math.Min(x, length - WideLanes);
                Vector512<float> sum = default;
                byte* pixels = rows + x;
                for (int i = 0; i < weights.Length; i++, pixels += stride) sum += Sixteen(pixels) * weights[i];
                sum.Store(sums + x);
            }
            return;
        }
        if (Vector256.IsHardwareAccelerated && length >= Lanes)
        {
            int x = 0;
            for (; x + 4 * Lanes <= length; x += 4 * Lanes)
            {
                Vector256<float> a = default, b = default, c = default, d = default;
                byte* pixels = rows + x;
                for (int i = 0; i < weights.Length; i++, pixels += stride)
                {
                    var weight = Vector256.Create(weights[i]);
                    a += Eight(pixels) * weight;
                    b += Eight(pixels + Lanes) * weight;
                    c += Eight(pixels + 2 * Lanes) * weight;
                    d += Eight(pixels + 3 * Lanes) * weight;
                }
                a.Store(sums + x);
                b.Store(sums + x + Lanes);
                c.Store(sums + x + 2 * Lanes);
                d.Store(sums + x + 3 * Lanes);
            }
            for (; x < length; x += Lanes)
            {
                x = Math.Min(x, length - Lanes);
                Vector256<float> sum = default;
                byte* pixels = rows + x;
                for (int i = 0; i < weights.Length; i++, pixels += stride) sum += Eight(pixels) * weights[i];
                sum.Store(sums + x);
            }
            return;
        }
        for (int x = 0; x < length; x++)
        {
            float sum = 0;
            for (int i = 0; i < weights.Length; i++) sum += rows[x + i * stride] * weights[i];
            sums[x] = sum;
        }
    }

    [MethodImpl(Inline)]
    private static Vector512<float> Sixteen(byte* pixels) => Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load(pixels)));

    [MethodImpl(Inline)]
    private static Vector256<float> Eight(byte* pixels)
    {
        if (Avx2.IsSupported) return Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(pixels));
        var shorts = Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(pixels)).AsByte());
        return Vector256.ConvertToSingle(Vector256.Create(Vector128.WidenLower(shorts), Vector128.WidenUpper(shorts)).AsInt32());
    }
}
