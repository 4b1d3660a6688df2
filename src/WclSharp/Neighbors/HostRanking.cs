using System.Numerics;
using System.Runtime.Intrinsics;
using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>
/// Ranking on a CPU: each product is compared once, sixteen at a time, with the worst that its row keeps, and few pass:
/// some K ln(F / K) a row in a random order.
/// </summary>
internal sealed unsafe class HostRanking : NeighborRanking
{
    private const int Lanes = 16, RowsAtOnce = 64, ColumnsAtOnce = 128;
    private readonly int k;
    private readonly float[] best;  // [F, K], descending
    private readonly int[] keys;    // [F, K]
    private readonly float[] worst; // [F]: the last of best

    /// <param name="count">F, rows.</param>
    /// <param name="k">K.</param>
    /// <exception cref="WclUsageException">F times K is more than an array has places.</exception>
    public HostRanking(int count, int k)
    {
        if ((long)count * k > Array.MaxLength)
            throw new WclUsageException(FormattableString.Invariant($"The {k:N0} nearest of each of {count:N0} images are more than a search on a processor can hold, {Array.MaxLength:N0} in all; ask for {Array.MaxLength / count:N0} neighbours or fewer."));
        this.k = k;
        best = new float[(long)count * k];
        keys = new int[(long)count * k];
        worst = new float[count];
        Array.Fill(best, Nothing);
        Array.Fill(keys, -1);
        Array.Fill(worst, Nothing);
    }

    /// <summary>Bytes for a tile of a side: its products.</summary>
    public static long TileBytes(long side) => 4 * side * side;

    public override void Merge(Tensor products, long firstRow, long firstColumn)
    {
        int rows = (int)products.size(0), columns = (int)products.size(1);
        float* values = TensorMemory.Start(products);
        TorchThreads.For((rows + RowsAtOnce - 1) / RowsAtOnce, block =>
        {
            for (int row = block * RowsAtOnce; row < Math.Min(rows, (block + 1) * RowsAtOnce); row++)
                RankLine(values + (long)row * columns, columns, (int)firstRow + row, (int)firstColumn);
        });
    }

    public override void MergeTransposed(Tensor products, long firstRow, long firstColumn)
    {
        int rows = (int)products.size(0), columns = (int)products.size(1);
        float* values = TensorMemory.Start(products);
        TorchThreads.For((columns + ColumnsAtOnce - 1) / ColumnsAtOnce, block =>
        {
            int start = block * ColumnsAtOnce, length = Math.Min(ColumnsAtOnce, columns - start);
            for (int row = 0; row < rows; row++)
                RankAcross(values + (long)row * columns + start, length, (int)firstColumn + start, (int)firstRow + row);
        });
    }

    public override Tensor Positions()
    {
        var positions = tensor(keys, [worst.Length, k]);
        using (positions) return positions.to(ScalarType.Int64);
    }

    /// <summary>Many keys for one row.</summary>
    private void RankLine(float* values, int length, int row, int firstKey)
    {
        var bar = Vector512.Create(worst[row]);
        int at = 0;
        for (; at <= length - Lanes; at += Lanes)
        {
            ulong better = Vector512.GreaterThan(Vector512.Load(values + at), bar).ExtractMostSignificantBits();
            if (better == 0) continue;
            for (; better != 0; better &= better - 1)
            {
                int lane = BitOperations.TrailingZeroCount(better);
                Offer(row, firstKey + at + lane, values[at + lane]);
            }
            bar = Vector512.Create(worst[row]);
        }
        for (; at < length; at++) Offer(row, firstKey + at, values[at]);
    }

    /// <summary>One key for many rows.</summary>
    private void RankAcross(float* values, int length, int firstRow, int key)
    {
        var bars = worst.AsSpan(firstRow, length);
        int at = 0;
        for (; at <= length - Lanes; at += Lanes)
        {
            ulong better = Vector512.GreaterThan(Vector512.Load(values + at), Vector512.Create<float>(bars.Slice(at, Lanes))).ExtractMostSignificantBits();
            for (; better != 0; better &= better - 1)
            {
                int lane = BitOperations.TrailingZeroCount(better);
                Offer(firstRow + at + lane, key, values[at + lane]);
            }
        }
        for (; at < length; at++) Offer(firstRow + at, key, values[at]);
    }

    /// <summary>Inserts a product behind those that are as large: their keys are lower.</summary>
    private void Offer(int row, int key, float product)
    {
        if (!(product > worst[row])) return;
        var kept = best.AsSpan(row * k, k);
        var numbers = keys.AsSpan(row * k, k);
        int place = k - 1;
        for (; place > 0 && kept[place - 1] < product; place--) (kept[place], numbers[place]) = (kept[place - 1], numbers[place - 1]);
        (kept[place], numbers[place]) = (product, key);
        worst[row] = kept[k - 1];
    }
}
