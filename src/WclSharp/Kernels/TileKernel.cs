using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WclSharp.Kernels;

/// <summary>
/// Products of matrices that lie as Winograd's tiles do: float32 one by one, by <see cref="MatrixKernel"/>, or bfloat16 in pairs along what is summed
/// over, by <see cref="PairKernel"/>. A word is 32 bits, one of the former or two of the latter. Sums are float32.
/// </summary>
/// <typeparam name="TTile">How the numbers lie in memory.</typeparam>
internal static unsafe class TileKernel<TTile> where TTile : struct, IElements
{
    /// <summary>Whether words are pairs.</summary>
    public static bool HasPairs => TTile.Size == sizeof(ushort);

    /// <summary>Words that hold so many numbers.</summary>
    public static int Words(int numbers) => HasPairs ? (numbers + 1) / 2 : numbers;

    /// <inheritdoc cref="MatrixKernel.Multiply"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int rows, int inner, int columns, bool add)
    {
        if (HasPairs) PairKernel.Multiply(a, aRow, aColumn, b, bRow, c, cRow, rows, inner, columns, add);
        else MatrixKernel.Multiply(a, aRow, aColumn, b, bRow, c, cRow, rows, inner, columns, add);
    }

    /// <summary>Pairs rows with the next ones: from [rows, columns] bfloat16 to [rows / 2, columns] pairs. A last row alone is paired with zeros.</summary>
    /// <param name="source">The first row.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Numbers of a row, a multiple of 32.</param>
    /// <param name="target">Words, overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PairRows(float* source, int rows, int columns, float* target)
    {
        ushort* row = (ushort*)source;
        uint* place = (uint*)target;
        for (; rows > 0; rows -= 2, row += 2 * columns, place += columns)
            for (int c = 0; c < columns; c += Vector512<ushort>.Count)
            {
                var even = Vector512.Load(row + c);
                var odd = rows > 1 ? Vector512.Load(row + columns + c) : Vector512<ushort>.Zero;
                var (low, high) = Vector512.Widen(even);
                var (low2, high2) = Vector512.Widen(odd);
                (low | (low2 << 16)).Store(place + c);
                (high | (high2 << 16)).Store(place + c + Vector512<uint>.Count);
            }
    }
}
