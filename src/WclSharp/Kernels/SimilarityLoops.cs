using System.Numerics;
using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// The loops of <see cref="SimilarityTile"/> over a float32 tile. Its rows lie <see cref="Padded"/> values apart, and <see cref="SimilarityExponent.Nothing"/> fills the gaps, so that loops
/// go through whole vectors. After the last row there is room for one more, in which the loops sum columns or put their weights.
/// </summary>
/// <remarks>
/// e = exp(x / t - c) = 2^n 2^f with n the nearest whole number to y = (x / t - c) / ln 2 and f in [-1/2, 1/2], where a polynomial interpolates 2^f at
/// Chebyshev's points to 2.5e-9. n comes from adding 1.5 2^23, which leaves it in the low bits, and f is computed anew from x by one rounding,
/// so that the relative error stays near that of a float32 whatever c is.
/// </remarks>
internal sealed unsafe class SimilarityLoops(SimilarityExponent exponent)
{
    private const MethodImplOptions Loop = MethodImplOptions.AggressiveOptimization, Inline = MethodImplOptions.AggressiveInlining;
    private const int BlockRows = 32; // sums of columns are float32 within
    private const float RoundingOffset = 12582912f; // 1.5 x 2^23

    // 2^f on [-1/2, 1/2], degree 6, interpolated at Chebyshev's points.
    private const float P1 = 0.69314720670f, P2 = 0.24022650922f, P3 = 0.05550327227f, P4 = 0.00961805668f, P5 = 0.00134004282f, P6 = 0.00015461445f;

    /// <summary>Most that x / t may lie below c: beyond it e would lose digits.</summary>
    public const double LargestExponent = 64;

    /// <summary>Whether a tile is float32 on a CPU.</summary>
    public static bool Suit(Tensor tile) => tile.dtype == ScalarType.Float32 && tile.device.type == DeviceType.CPU;

    /// <summary>Values from one row to the next: not a power of two, whose columns would share few lines of the cache.</summary>
    public static int Padded(int columns) => (columns + Step - 1) / Step * Step + Step;

    private static int Step => 2 * Values.Count;

    /// <summary>Sets the gaps between rows, and the diagonal if <paramref name="self"/>, to <see cref="SimilarityExponent.Nothing"/>.</summary>
    public void Exclude(float* tile, int rows, int columns, bool self)
    {
        int stride = Padded(columns);
        for (int r = 0; r < rows; r++, tile += stride)
        {
            new Span<float>(tile + columns, stride - columns).Fill(exponent.Nothing);
            if (self) tile[r] = exponent.Nothing;
        }
    }

    /// <summary>Adds e to the sums of rows and columns. Writes e in place of x where <paramref name="keep"/>.</summary>
    public void Sum(float* tile, int rows, int columns, bool keep, double* rowSums, double* columnSums)
    {
        int stride = Padded(columns);
        float* columnRow = tile + (long)rows * stride;
        for (int first = 0; first < rows; first += BlockRows)
        {
            int count = Math.Min(BlockRows, rows - first);
            float* place = tile + (long)first * stride;
            if (keep) KeepBlock(place, count, stride, exponent.Scale2, exponent.Offset2, rowSums + first, columnRow);
            else SumBlock(place, count, stride, exponent.Scale2, exponent.Offset2, rowSums + first, columnRow);
            if (columnSums is not null) AddRow(columnRow, columns, columnSums);
        }
    }

    /// <summary>Overwrites x with e (row's weight + column's weight).</summary>
    public void Weigh(float* tile, int rows, int columns, float* rowWeights, float* columnWeights)
    {
        // The columns' weights end with them; what is computed beyond is not read.
        int stride = Padded(columns);
        float* columnRow = tile + (long)rows * stride;
        Buffer.MemoryCopy(columnWeights, columnRow, stride * sizeof(float), columns * sizeof(float));
        new Span<float>(columnRow + columns, stride - columns).Clear();
        WeighBlock(tile, rows, stride, exponent.Scale2, exponent.Offset2, rowWeights, columnRow);
    }

    /// <summary>Updates the largest x so far of every row, or column, and where it is.</summary>
    public static void Nearest(float* tile, int rows, int columns, bool transposed, long firstNumber, float* best, long* nearest)
    {
        if (transposed) NearestOfColumns(tile, rows, columns, Padded(columns), firstNumber, best, nearest);
        else NearestOfRows(tile, rows, columns, Padded(columns), firstNumber, best, nearest);
    }

    [MethodImpl(Loop)]
    private static void SumBlock(float* tile, int rows, int stride, float a, float b, double* rowSums, float* columnSums)
    {
        Values scale = new(a), offset = new(b);
        new Span<float>(columnSums, stride).Clear();
        int r = 0;
        for (; r + 1 < rows; r += 2, tile += 2 * (long)stride)
        {
            Values s0 = default, s1 = default, t0 = default, t1 = default;
            for (int c = 0; c < stride; c += 2 * Values.Count)
            {
                Values e0 = Exponential(At(tile + c), scale, offset), e1 = Exponential(At(tile + c + Values.Count), scale, offset);
                Values f0 = Exponential(At(tile + stride + c), scale, offset), f1 = Exponential(At(tile + stride + c + Values.Count), scale, offset);
                s0 += e0;
                s1 += e1;
                t0 += f0;
                t1 += f1;
                Put(columnSums + c, At(columnSums + c) + (e0 + f0));
                Put(columnSums + c + Values.Count, At(columnSums + c + Values.Count) + (e1 + f1));
            }
            rowSums[r] += Vector.Sum(s0 + s1);
            rowSums[r + 1] += Vector.Sum(t0 + t1);
        }
        if (r == rows) return;
        Values last = default;
        for (int c = 0; c < stride; c += Values.Count)
        {
            var e = Exponential(At(tile + c), scale, offset);
            last += e;
            Put(columnSums + c, At(columnSums + c) + e);
        }
        rowSums[r] += Vector.Sum(last);
    }

    [MethodImpl(Loop)]
    private static void KeepBlock(float* tile, int rows, int stride, float a, float b, double* rowSums, float* columnSums)
    {
        Values scale = new(a), offset = new(b);
        new Span<float>(columnSums, stride).Clear();
        for (int r = 0; r < rows; r++, tile += stride)
        {
            Values s0 = default, s1 = default;
            for (int c = 0; c < stride; c += 2 * Values.Count)
            {
                Values e0 = Exponential(At(tile + c), scale, offset), e1 = Exponential(At(tile + c + Values.Count), scale, offset);
                Put(tile + c, e0);
                Put(tile + c + Values.Count, e1);
                s0 += e0;
                s1 += e1;
                Put(columnSums + c, At(columnSums + c) + e0);
                Put(columnSums + c + Values.Count, At(columnSums + c + Values.Count) + e1);
            }
            rowSums[r] += Vector.Sum(s0 + s1);
        }
    }

    [MethodImpl(Loop)]
    private static void WeighBlock(float* tile, int rows, int stride, float a, float b, float* rowWeights, float* columnWeights)
    {
        Values scale = new(a), offset = new(b);
        for (int r = 0; r < rows; r++, tile += stride)
        {
            Values weight = new(rowWeights[r]);
            for (int c = 0; c < stride; c += 2 * Values.Count)
            {
                Put(tile + c, Exponential(At(tile + c), scale, offset) * (weight + At(columnWeights + c)));
                Put(tile + c + Values.Count, Exponential(At(tile + c + Values.Count), scale, offset) * (weight + At(columnWeights + c + Values.Count)));
            }
        }
    }

    [MethodImpl(Loop)]
    private static void NearestOfRows(float* tile, int rows, int columns, int stride, long firstNumber, float* best, long* nearest)
    {
        for (int r = 0; r < rows; r++, tile += stride)
        {
            Values largest = new(float.NegativeInfinity);
            Vector<int> place = default, at = Vector<int>.Indices, step = new(Values.Count);
            for (int c = 0; c < stride; c += Values.Count, at += step)
            {
                var x = At(tile + c);
                var above = Vector.GreaterThan(x, largest);
                largest = Vector.ConditionalSelect(above, x, largest);
                place = Vector.ConditionalSelect(above, at, place);
            }
            float top = float.NegativeInfinity;
            int topPlace = 0;
            for (int i = 0; i < Values.Count; i++) // of equals the first column
                if (largest[i] > top || largest[i] == top && place[i] < topPlace) (top, topPlace) = (largest[i], place[i]);
            if (top > best[r] && topPlace < columns) (best[r], nearest[r]) = (top, firstNumber + topPlace);
        }
    }

    [MethodImpl(Loop)]
    private static void NearestOfColumns(float* tile, int rows, int columns, int stride, long firstNumber, float* best, long* nearest)
    {
        float* tops = stackalloc float[Values.Count];
        int* places = stackalloc int[Values.Count];
        for (int c = 0; c < columns; c += Values.Count)
        {
            Values largest = new(float.NegativeInfinity);
            Vector<int> place = default, at = default;
            float* x = tile + c;
            for (int r = 0; r < rows; r++, x += stride, at += Vector<int>.One)
            {
                var value = At(x);
                var above = Vector.GreaterThan(value, largest);
                largest = Vector.ConditionalSelect(above, value, largest);
                place = Vector.ConditionalSelect(above, at, place);
            }
            Put(tops, largest);
            *(Vector<int>*)places = place;
            for (int i = 0; i < Math.Min(Values.Count, columns - c); i++)
                if (tops[i] > best[c + i]) (best[c + i], nearest[c + i]) = (tops[i], firstNumber + places[i]);
        }
    }

    [MethodImpl(Loop)]
    private static void AddRow(float* row, int columns, double* sums)
    {
        for (int c = 0; c < columns; c++) sums[c] += row[c];
    }

    [MethodImpl(Inline)]
    private static Values Exponential(Values x, Values scale, Values offset)
    {
        var rounded = Vector.FusedMultiplyAdd(x, scale, offset) + new Values(RoundingOffset);
        var whole = rounded - new Values(RoundingOffset);
        var f = Vector.FusedMultiplyAdd(x, scale, offset - whole);
        var p = Vector.FusedMultiplyAdd(new Values(P6), f, new Values(P5));
        p = Vector.FusedMultiplyAdd(p, f, new Values(P4));
        p = Vector.FusedMultiplyAdd(p, f, new Values(P3));
        p = Vector.FusedMultiplyAdd(p, f, new Values(P2));
        p = Vector.FusedMultiplyAdd(p, f, new Values(P1));
        p = Vector.FusedMultiplyAdd(p, f, Values.One);
        return Vector.AsVectorSingle(Vector.AsVectorInt32(p) + (Vector.AsVectorInt32(rounded) << 23));
    }

    [MethodImpl(Inline)]
    private static Values At(float* place) => *(Values*)place;

    [MethodImpl(Inline)]
    private static void Put(float* place, Values values) => *(Values*)place = values;
}
