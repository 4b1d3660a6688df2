using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace WclSharp.Inference;

/// <summary>
/// Rows of unit length in the formats of an index, and their cosines with a vector.
/// </summary>
/// <remarks>
/// <para>fp16 numbers are stored times 1,024: a number of unit length stays below its limit of 65,504, and is subnormal, which processors are slow at, only below
/// 6e-8. They are read by moving the bits into place: sign and 15 bits, shifted by 13, are the number times 2^-112 as float32.</para>
/// <para>int8: q from -127 to 127, number * 127 / max |number| rounded, and a scale that brings q to unit length, so that what is found is the cosine with q itself. The vector
/// that is searched for has 16 bits, so that only the row's rounding counts; the sum is one of integers, and so the same in any order.</para>
/// </remarks>
internal static class IndexRow
{
    private const float HalfScale = 1024;

    // 2^60, and 2^112 / 2^60 / 1024 = 2^42.
    private const float HalfQueryScale = 1L << 60, HalfResultScale = 1L << 42;

    // The sign and the 15 other bits of a half, where they stand in a float32.
    private const int HalfBits = unchecked((int)0x8FFFE000);
    private const int Int8Limit = 127, Int16Limit = 32767;

    // Numbers whose products fit into the sum of 32 bits: 512 * 127 * 32767 < 2^31.
    private const int Int8Run = 512;

    /// <summary>Brings a vector to unit length; one of zeros stays.</summary>
    /// <param name="vector">[F], finite.</param>
    /// <param name="target">[F].</param>
    /// <returns>False where a number is not finite; the target is undefined then.</returns>
    public static bool Normalise(ReadOnlySpan<float> vector, Span<float> target)
    {
        double sum = 0;
        foreach (float value in vector) sum += (double)value * value;
        if (!double.IsFinite(sum)) return false;
        double factor = sum > 0 ? 1 / Math.Sqrt(sum) : 0;
        for (int i = 0; i < vector.Length; i++) target[i] = (float)(vector[i] * factor);
        return true;
    }

    /// <summary>Writes a row.</summary>
    /// <param name="format">Format of the numbers.</param>
    /// <param name="unit">[F], of unit length.</param>
    /// <param name="row">As many bytes as <see cref="IndexHeader.StrideOf"/> says.</param>
    public static void Encode(IndexFormat format, ReadOnlySpan<float> unit, Span<byte> row)
    {
        switch (format)
        {
            case IndexFormat.Float32:
                MemoryMarshal.AsBytes(unit).CopyTo(row); // little-endian on every platform of ours
                break;
            case IndexFormat.Fp16:
                var halves = MemoryMarshal.Cast<byte, Half>(row);
                for (int i = 0; i < unit.Length; i++) halves[i] = (Half)(unit[i] * HalfScale);
                break;
            default:
                float largest = TensorPrimitives.MaxMagnitude(unit), step = Math.Abs(largest) / Int8Limit;
                var numbers = MemoryMarshal.Cast<byte, sbyte>(row[sizeof(float)..]);
                long squares = 0;
                for (int i = 0; i < unit.Length; i++)
                {
                    numbers[i] = step > 0 ? (sbyte)Math.Clamp(MathF.Round(unit[i] / step), -Int8Limit, Int8Limit) : (sbyte)0;
                    squares += numbers[i] * numbers[i];
                }
                MemoryMarshal.Write(row, squares > 0 ? (float)(1 / Math.Sqrt(squares)) : 0);
                break;
        }
    }

    /// <summary>Cosine of a row of float32.</summary>
    public static float Dot(ReadOnlySpan<float> query, ReadOnlySpan<float> row)
    {
        // Not TensorPrimitives.Dot: four sums side by side do not wait for one another, and the order of the sum is ours.
        int width = Vector<float>.Count, i = 0;
        ref float a = ref MemoryMarshal.GetReference(query), b = ref MemoryMarshal.GetReference(row);
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (; i <= query.Length - 4 * width; i += 4 * width)
        {
            s0 = MultiplyAdd(Load(ref a, i), Load(ref b, i), s0);
            s1 = MultiplyAdd(Load(ref a, i + width), Load(ref b, i + width), s1);
            s2 = MultiplyAdd(Load(ref a, i + 2 * width), Load(ref b, i + 2 * width), s2);
            s3 = MultiplyAdd(Load(ref a, i + 3 * width), Load(ref b, i + 3 * width), s3);
        }
        float sum = Vector.Sum(s0 + s1 + (s2 + s3));
        for (; i < query.Length; i++) sum += query[i] * row[i];
        return sum;

        static Vector<float> Load(ref float start, int at) => Vector.LoadUnsafe(ref start, (nuint)at);
    }

    /// <summary>a b + c, in one instruction where there is one; .NET would put a call a number in the place of one that is not there, as where it compiles ahead of time for any processor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> MultiplyAdd(Vector<float> a, Vector<float> b, Vector<float> c) =>
        Fma.IsSupported || AdvSimd.IsSupported ? Vector.FusedMultiplyAdd(a, b, c) : a * b + c;

    /// <summary>The vector as <see cref="DotHalf"/> wants it: large enough that no product is subnormal.</summary>
    public static float[] HalfQuery(ReadOnlySpan<float> unit)
    {
        var result = new float[unit.Length];
        for (int i = 0; i < result.Length; i++) result[i] = unit[i] * HalfQueryScale;
        return result;
    }

    /// <summary>Cosine of a row of fp16.</summary>
    /// <param name="query">From <see cref="HalfQuery"/>.</param>
    /// <param name="row">[F].</param>
    public static float DotHalf(ReadOnlySpan<float> query, ReadOnlySpan<short> row)
    {
        int width = Vector<float>.Count, i = 0;
        ref float a = ref MemoryMarshal.GetReference(query);
        ref short b = ref MemoryMarshal.GetReference(row);
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (; i <= query.Length - 4 * width; i += 4 * width)
        {
            Vector.Widen(Vector.LoadUnsafe(ref b, (nuint)i), out var x0, out var x1);
            Vector.Widen(Vector.LoadUnsafe(ref b, (nuint)(i + 2 * width)), out var x2, out var x3);
            s0 = MultiplyAdd(Vector.LoadUnsafe(ref a, (nuint)i), Moved(x0), s0);
            s1 = MultiplyAdd(Vector.LoadUnsafe(ref a, (nuint)(i + width)), Moved(x1), s1);
            s2 = MultiplyAdd(Vector.LoadUnsafe(ref a, (nuint)(i + 2 * width)), Moved(x2), s2);
            s3 = MultiplyAdd(Vector.LoadUnsafe(ref a, (nuint)(i + 3 * width)), Moved(x3), s3);
        }
        float sum = Vector.Sum(s0 + s1 + (s2 + s3));
        for (; i < query.Length; i++) sum += query[i] * BitConverter.Int32BitsToSingle(row[i] << 13 & HalfBits);
        return sum * HalfResultScale;

        static Vector<float> Moved(Vector<int> bits) => Vector.AsVectorSingle(Vector.ShiftLeft(bits, 13) & new Vector<int>(HalfBits));
    }

    /// <summary>The vector as <see cref="DotInt8(ReadOnlySpan{short}, ReadOnlySpan{sbyte})"/> wants it: 16 bits a number, and their scale.</summary>
    public static (short[] Numbers, float Scale) Int8Query(ReadOnlySpan<float> unit)
    {
        float scale = Math.Abs(TensorPrimitives.MaxMagnitude(unit)) / Int16Limit;
        var numbers = new short[unit.Length];
        if (scale > 0)
            for (int i = 0; i < numbers.Length; i++) numbers[i] = (short)Math.Clamp(MathF.Round(unit[i] / scale), -Int16Limit, Int16Limit);
        return (numbers, scale);
    }

    /// <summary>Sum of products of a row of int8 with the vector; exact.</summary>
    public static long DotInt8(ReadOnlySpan<short> query, ReadOnlySpan<sbyte> row)
    {
        long sum = 0;
        for (int start = 0; start < query.Length; start += Int8Run)
        {
            int length = Math.Min(Int8Run, query.Length - start);
            sum += Avx2.IsSupported
                ? RunAvx2(query.Slice(start, length), row.Slice(start, length))
                : RunAnywhere(query.Slice(start, length), row.Slice(start, length));
        }
        return sum;
    }

    /// <summary>Up to <see cref="Int8Run"/> products, where pairs of them are summed by one instruction.</summary>
    public static int RunAvx2(ReadOnlySpan<short> query, ReadOnlySpan<sbyte> row)
    {
        ref short a = ref MemoryMarshal.GetReference(query);
        ref sbyte b = ref MemoryMarshal.GetReference(row);
        Vector256<int> s0 = default, s1 = default;
        int i = 0, width = Vector256<short>.Count;
        for (; i <= query.Length - 2 * width; i += 2 * width)
        {
            s0 += Avx2.MultiplyAddAdjacent(Vector256.LoadUnsafe(ref a, (nuint)i), Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref b, (nuint)i)));
            s1 += Avx2.MultiplyAddAdjacent(Vector256.LoadUnsafe(ref a, (nuint)(i + width)), Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref b, (nuint)(i + width))));
        }
        int sum = Vector256.Sum(s0 + s1);
        for (; i < query.Length; i++) sum += query[i] * row[i];
        return sum;
    }

    /// <summary>The same on any processor.</summary>
    public static int RunAnywhere(ReadOnlySpan<short> query, ReadOnlySpan<sbyte> row)
    {
        ref short a = ref MemoryMarshal.GetReference(query);
        ref sbyte b = ref MemoryMarshal.GetReference(row);
        Vector<int> s0 = default, s1 = default;
        int i = 0, width = Vector<short>.Count;
        for (; i <= query.Length - 2 * width; i += 2 * width)
        {
            Vector.Widen(Vector.LoadUnsafe(ref b, (nuint)i), out var low, out var high);
            Add(Vector.LoadUnsafe(ref a, (nuint)i), low, ref s0, ref s1);
            Add(Vector.LoadUnsafe(ref a, (nuint)(i + width)), high, ref s0, ref s1);
        }
        int sum = Vector.Sum(s0 + s1);
        for (; i < query.Length; i++) sum += query[i] * row[i];
        return sum;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Add(Vector<short> x, Vector<short> y, ref Vector<int> s0, ref Vector<int> s1)
        {
            Vector.Widen(x, out var x0, out var x1);
            Vector.Widen(y, out var y0, out var y1);
            s0 += x0 * y0;
            s1 += x1 * y1;
        }
    }
}
