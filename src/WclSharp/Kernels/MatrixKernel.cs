using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WclSharp.Kernels;

/// <summary>
/// Products of float32 matrices that lie in the processor's cache, with AVX-512: one thread's work, without a call into
/// libtorch, so that what comes before and after a product can stay in the cache too.
/// </summary>
internal static unsafe class MatrixKernel
{
    private const MethodImplOptions Loop = MethodImplOptions.AggressiveOptimization;
    private const int Lanes = 16;

    /// <summary>Whether this processor can.</summary>
    public static bool IsSupported => Avx512F.IsSupported;

    /// <summary>Rows of a result are a multiple of this; those of the left matrix are read as far.</summary>
    public const int RowStep = 8;

    /// <summary>Columns of a result are a multiple of this.</summary>
    public const int ColumnStep = 2 * Lanes;

    /// <summary>So many rows, up to the next that a result can have.</summary>
    public static long Rows(long rows) => (rows + RowStep - 1) / RowStep * RowStep;

    /// <summary>c = a b, or c += a b. Sums run over <paramref name="inner"/> in order.</summary>
    /// <param name="a">[rows, inner], any layout.</param>
    /// <param name="aRow">Values from one row of <paramref name="a"/> to the next.</param>
    /// <param name="aColumn">Values from one column of <paramref name="a"/> to the next.</param>
    /// <param name="b">[inner, columns], the values of a row without gaps.</param>
    /// <param name="bRow">Values from one row of <paramref name="b"/> to the next.</param>
    /// <param name="c">[rows, columns], the values of a row without gaps.</param>
    /// <param name="cRow">Values from one row of <paramref name="c"/> to the next.</param>
    /// <param name="rows">A multiple of <see cref="RowStep"/>.</param>
    /// <param name="inner">Terms of a sum.</param>
    /// <param name="columns">A multiple of <see cref="ColumnStep"/>.</param>
    /// <param name="add">Whether to add to what <paramref name="c"/> holds.</param>
    [MethodImpl(Loop)]
    public static void Multiply(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int rows, int inner, int columns, bool add)
    {
        int column = 0;
        for (; column + 4 * Lanes <= columns; column += 4 * Lanes)
            for (int row = 0; row < rows; row += 4)
                FourByFour(a + row * aRow, aRow, aColumn, b + column, bRow, c + row * cRow + column, cRow, inner, add);
        for (; column < columns; column += 2 * Lanes)
            for (int row = 0; row < rows; row += 8)
                EightByTwo(a + row * aRow, aRow, aColumn, b + column, bRow, c + row * cRow + column, cRow, inner, add);
    }

    /// <summary>Four rows of four vectors.</summary>
    [MethodImpl(Loop)]
    private static void FourByFour(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int inner, bool add)
    {
        Vector512<float> c00 = default, c01 = default, c02 = default, c03 = default;
        Vector512<float> c10 = default, c11 = default, c12 = default, c13 = default;
        Vector512<float> c20 = default, c21 = default, c22 = default, c23 = default;
        Vector512<float> c30 = default, c31 = default, c32 = default, c33 = default;
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, d1 = c + cRow, d2 = d1 + cRow, d3 = d2 + cRow;
        if (add)
        {
            (c00, c01, c02, c03) = (At(c), At(c + Lanes), At(c + 2 * Lanes), At(c + 3 * Lanes));
            (c10, c11, c12, c13) = (At(d1), At(d1 + Lanes), At(d1 + 2 * Lanes), At(d1 + 3 * Lanes));
            (c20, c21, c22, c23) = (At(d2), At(d2 + Lanes), At(d2 + 2 * Lanes), At(d2 + 3 * Lanes));
            (c30, c31, c32, c33) = (At(d3), At(d3 + Lanes), At(d3 + 2 * Lanes), At(d3 + 3 * Lanes));
        }
        for (nint k = 0, at = 0; k < inner; k++, at += aColumn, b += bRow)
        {
            Vector512<float> b0 = At(b), b1 = At(b + Lanes), b2 = At(b + 2 * Lanes), b3 = At(b + 3 * Lanes);
            var x = Vector512.Create(a[at]);
            c00 = Avx512F.FusedMultiplyAdd(x, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
            c02 = Avx512F.FusedMultiplyAdd(x, b2, c02);
            c03 = Avx512F.FusedMultiplyAdd(x, b3, c03);
            x = Vector512.Create(a1[at]);
            c10 = Avx512F.FusedMultiplyAdd(x, b0, c10);
            c11 = Avx512F.FusedMultiplyAdd(x, b1, c11);
            c12 = Avx512F.FusedMultiplyAdd(x, b2, c12);
            c13 = Avx512F.FusedMultiplyAdd(x, b3, c13);
            x = Vector512.Create(a2[at]);
            c20 = Avx512F.FusedMultiplyAdd(x, b0, c20);
            c21 = Avx512F.FusedMultiplyAdd(x, b1, c21);
            c22 = Avx512F.FusedMultiplyAdd(x, b2, c22);
            c23 = Avx512F.FusedMultiplyAdd(x, b3, c23);
            x = Vector512.Create(a3[at]);
            c30 = Avx512F.FusedMultiplyAdd(x, b0, c30);
            c31 = Avx512F.FusedMultiplyAdd(x, b1, c31);
            c32 = Avx512F.FusedMultiplyAdd(x, b2, c32);
            c33 = Avx512F.FusedMultiplyAdd(x, b3, c33);
        }
        Put(c, c00, c01, c02, c03);
        Put(d1, c10, c11, c12, c13);
        Put(d2, c20, c21, c22, c23);
        Put(d3, c30, c31, c32, c33);
    }

    /// <summary>Eight rows of two vectors.</summary>
    [MethodImpl(Loop)]
    private static void EightByTwo(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int inner, bool add)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        Vector512<float> c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default, c71 = default;
        float* a4 = a + 4 * aRow, d4 = c + 4 * cRow;
        if (add)
        {
            (c00, c01, c10, c11) = (At(c), At(c + Lanes), At(c + cRow), At(c + cRow + Lanes));
            (c20, c21, c30, c31) = (At(c + 2 * cRow), At(c + 2 * cRow + Lanes), At(c + 3 * cRow), At(c + 3 * cRow + Lanes));
            (c40, c41, c50, c51) = (At(d4), At(d4 + Lanes), At(d4 + cRow), At(d4 + cRow + Lanes));
            (c60, c61, c70, c71) = (At(d4 + 2 * cRow), At(d4 + 2 * cRow + Lanes), At(d4 + 3 * cRow), At(d4 + 3 * cRow + Lanes));
        }
        for (nint k = 0; k < inner; k++, a += aColumn, a4 += aColumn, b += bRow)
        {
            Vector512<float> b0 = At(b), b1 = At(b + Lanes);
            var x = Vector512.Create(a[0]);
            c00 = Avx512F.FusedMultiplyAdd(x, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a[aRow]);
            c10 = Avx512F.FusedMultiplyAdd(x, b0, c10);
            c11 = Avx512F.FusedMultiplyAdd(x, b1, c11);
            x = Vector512.Create(a[2 * aRow]);
            c20 = Avx512F.FusedMultiplyAdd(x, b0, c20);
            c21 = Avx512F.FusedMultiplyAdd(x, b1, c21);
            x = Vector512.Create(a[3 * aRow]);
            c30 = Avx512F.FusedMultiplyAdd(x, b0, c30);
            c31 = Avx512F.FusedMultiplyAdd(x, b1, c31);
            x = Vector512.Create(a4[0]);
            c40 = Avx512F.FusedMultiplyAdd(x, b0, c40);
            c41 = Avx512F.FusedMultiplyAdd(x, b1, c41);
            x = Vector512.Create(a4[aRow]);
            c50 = Avx512F.FusedMultiplyAdd(x, b0, c50);
            c51 = Avx512F.FusedMultiplyAdd(x, b1, c51);
            x = Vector512.Create(a4[2 * aRow]);
            c60 = Avx512F.FusedMultiplyAdd(x, b0, c60);
            c61 = Avx512F.FusedMultiplyAdd(x, b1, c61);
            x = Vector512.Create(a4[3 * aRow]);
            c70 = Avx512F.FusedMultiplyAdd(x, b0, c70);
            c71 = Avx512F.FusedMultiplyAdd(x, b1, c71);
        }
        Put(c, c00, c01);
        Put(c + cRow, c10, c11);
        Put(c + 2 * cRow, c20, c21);
        Put(c + 3 * cRow, c30, c31);
        Put(d4, c40, c41);
        Put(d4 + cRow, c50, c51);
        Put(d4 + 2 * cRow, c60, c61);
        Put(d4 + 3 * cRow, c70, c71);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> At(float* place) => Vector512.Load(place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* place, Vector512<float> v0, Vector512<float> v1)
    {
        v0.Store(place);
        v1.Store(place + Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* place, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3)
    {
        Put(place, v0, v1);
        Put(place + 2 * Lanes, v2, v3);
    }
}
