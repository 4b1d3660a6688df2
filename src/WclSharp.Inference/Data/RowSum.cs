using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WclSharp.Data;

/// <summary>Weighted sums of rows of bytes, the first half of every resize: a new row is made of the few old ones around it, in registers.</summary>
internal static unsafe class RowSum
{
    // Compiled at once: tiers would leave a whole pass over a small data set to slow code.
    private const MethodImplOptions Loop = MethodImplOptions.AggressiveOptimization, Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Writes the sums. Vectors of any width and the plain loop round alike.</summary>
    /// <param name="rows">The first row.</param>
    /// <param name="stride">Bytes from one row to the next.</param>
    /// <param name="weights">A weight for each row.</param>
    /// <param name="length">Bytes of a row.</param>
    /// <param name="sums">[length] float32.</param>
    public static void Write(byte* rows, long stride, ReadOnlySpan<float> weights, int length, float* sums)
    {
        if (Avx512F.IsSupported && length >= Sixteen.Count) Write<Sixteen, Vector512<float>>(rows, stride, weights, length, sums);
        else if (Vector256.IsHardwareAccelerated && length >= Eight.Count) Write<Eight, Vector256<float>>(rows, stride, weights, length, sums);
        else Write<One, float>(rows, stride, weights, length, sums);
    }

    [MethodImpl(Loop)]
    private static void Write<TLanes, TVector>(byte* rows, long stride, ReadOnlySpan<float> weights, int length, float* sums)
        where TLanes : struct, ILanes<TVector> where TVector : struct
    {
        int x = 0;
        for (; x + 4 * TLanes.Count <= length; x += 4 * TLanes.Count)
        {
            TVector a = default, b = default, c = default, d = default;
            byte* pixels = rows + x;
            for (int i = 0; i < weights.Length; i++, pixels += stride)
            {
                float weight = weights[i];
                a = TLanes.Add(a, pixels, weight);
                b = TLanes.Add(b, pixels + TLanes.Count, weight);
                c = TLanes.Add(c, pixels + 2 * TLanes.Count, weight);
                d = TLanes.Add(d, pixels + 3 * TLanes.Count, weight);
            }
            TLanes.Store(a, sums + x);
            TLanes.Store(b, sums + x + TLanes.Count);
            TLanes.Store(c, sums + x + 2 * TLanes.Count);
            TLanes.Store(d, sums + x + 3 * TLanes.Count);
        }
        // The last vector ends with the row, and does some bytes twice.
        for (; x < length; x += TLanes.Count)
        {
            x = Math.Min(x, length - TLanes.Count);
            TVector sum = default;
            byte* pixels = rows + x;
            for (int i = 0; i < weights.Length; i++, pixels += stride) sum = TLanes.Add(sum, pixels, weights[i]);
            TLanes.Store(sum, sums + x);
        }
    }

    /// <summary>So many bytes side by side.</summary>
    private interface ILanes<TVector>
    {
        static abstract int Count { get; }

        /// <summary>A sum and the bytes times a weight, the product rounded by itself.</summary>
        static abstract TVector Add(TVector sum, byte* pixels, float weight);

        static abstract void Store(TVector sum, float* target);
    }

    private readonly struct Sixteen : ILanes<Vector512<float>>
    {
        public static int Count => 16;

        [MethodImpl(Inline)]
        public static Vector512<float> Add(Vector512<float> sum, byte* pixels, float weight) =>
            sum + Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load(pixels))) * weight;

        [MethodImpl(Inline)]
        public static void Store(Vector512<float> sum, float* target) => sum.Store(target);
    }

    private readonly struct Eight : ILanes<Vector256<float>>
    {
        public static int Count => 8;

        [MethodImpl(Inline)]
        public static Vector256<float> Add(Vector256<float> sum, byte* pixels, float weight) => sum + Of(pixels) * weight;

        [MethodImpl(Inline)]
        public static void Store(Vector256<float> sum, float* target) => sum.Store(target);

        [MethodImpl(Inline)]
        private static Vector256<float> Of(byte* pixels)
        {
            if (Avx2.IsSupported) return Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(pixels));
            var shorts = Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(pixels)).AsByte());
            return Vector256.ConvertToSingle(Vector256.Create(Vector128.WidenLower(shorts), Vector128.WidenUpper(shorts)).AsInt32());
        }
    }

    private readonly struct One : ILanes<float>
    {
        public static int Count => 1;

        [MethodImpl(Inline)]
        public static float Add(float sum, byte* pixels, float weight) => sum + *pixels * weight;

        [MethodImpl(Inline)]
        public static void Store(float sum, float* target) => *target = sum;
    }
}
