using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>Ranking by tensor operations, on any device.</summary>
/// <remarks>
/// Legend: g keys of a group.
/// <para>
/// A tile's maximum over groups of g keys is taken, and only rows where it beats the row's worst are looked at further: that is K / t of the rows
/// in the t-th tile of a random order. There, the K best elements lie in the K groups with the best maxima, so K g elements compete with
/// the K that are kept. Which rows these are is asked of the device once a tile.
/// </para>
/// <para>
/// Product p with key j becomes one 64-bit number, p 2^32 - j. So all differ, and their order is by product and then by the lower key, whatever
/// order a device's top-k gives to equal ones.
/// </para>
/// </remarks>
internal sealed class DeviceRanking : NeighborRanking
{
    private const int GroupKeys = 64;
    private const long Place = 1L << 32; // of a product, above the key

    // Made once: see ColourJitter. A masked product's number, Nothing 2^32 - j, loses against Empty, and so never takes a place.
    private static readonly Scalar Masked = Nothing, PlaceScalar = Place, BelowPlace = Place - 1, Bits = 32, One = 1, Zero = 0, Group = GroupKeys, Absent = NearestRows.None, Empty = Nothing * Place + 1;

    private readonly int k;
    private readonly Tensor best;  // [F, K] int64, descending
    private readonly Tensor worst; // [F] float32, product of the last of best
    private readonly Tensor withinGroup, groupNumbers;

    /// <summary>Makes a ranking whose tensors belong to the dispose scope.</summary>
    /// <param name="count">F, rows.</param>
    /// <param name="k">K.</param>
    /// <param name="tile">T, largest side of a tile.</param>
    /// <param name="device">Where to rank.</param>
    public DeviceRanking(long count, int k, int tile, Device device)
    {
        this.k = k;
        best = full([count, k], Empty, ScalarType.Int64, device);
        worst = full([count], Masked, ScalarType.Float32, device);
        withinGroup = Numbers(GroupKeys, device);                           // [g]
        groupNumbers = Numbers((tile + GroupKeys - 1) / GroupKeys, device); // [T / g]
    }

    /// <summary>Bytes for a tile of a side: its products, twice where they have to be padded, maxima and candidates.</summary>
    public static long TileBytes(long side, int k)
    {
        long groups = (side + GroupKeys - 1) / GroupKeys;
        long candidates = Math.Min(k, groups) * GroupKeys + k;
        return 4 * side * (side + groups * GroupKeys) + side * groups * (4 + 3 * 8L) + side * candidates * (4 + 5 * 8L);
    }

    public override void Merge(Tensor products, long firstRow, long firstColumn)
    {
        using var scope = NewDisposeScope();
        long rows = products.size(0), ragged = products.size(1) % GroupKeys;
        if (ragged != 0) products = cat([products, full([rows, GroupKeys - ragged], Masked, ScalarType.Float32, products.device)], 1);
        var groups = products.view(rows, -1, GroupKeys);                    // [q, G, g]
        var maxima = groups.amax([2]);                                      // [q, G]
        // Strictly better: of equal ones the lower key, which came before, stays.
        var hits = maxima.amax([1]).gt(worst.narrow(0, firstRow, rows)).nonzero().reshape(-1); // [h]
        if (hits.size(0) == 0) return;

        using Scalar row = firstRow, column = firstColumn;
        long groupCount = maxima.size(1);
        var groupValues = Numbered(maxima.index_select(0, hits), groupNumbers.narrow(0, 0, groupCount)); // [h, G]
        var chosen = groupValues.topk((int)Math.Min(k, groupCount), 1).indexes;     // [h, K'], K' = min(K, G)
        var candidates = groups.index(TensorIndex.Tensor(hits.unsqueeze(1)), TensorIndex.Tensor(chosen)); // [h, K', g]
        var keys = chosen.mul(Group).add_(column, One).unsqueeze(2).add(withinGroup, One); // [h, K', g]
        var places = hits.add(row, One);                                    // [h]
        var competing = cat([best.index_select(0, places), Numbered(candidates, keys).view(hits.size(0), -1)], 1);
        var kept = competing.topk(k, 1).values;                             // [h, K], descending
        best.index_copy_(0, places, kept);
        worst.index_copy_(0, places, ProductOf(kept.select(1, k - 1)));
    }

    public override void MergeTransposed(Tensor products, long firstRow, long firstColumn) => Merge(products.T, firstColumn, firstRow);

    public override Tensor Positions()
    {
        using var scope = NewDisposeScope();
        // j = -(p 2^32 - j) modulo 2^32
        var positions = best.neg().bitwise_and(full([1], BelowPlace, ScalarType.Int64, best.device));
        return positions.masked_fill_(best.eq(Empty), Absent).MoveToOuterDisposeScope();
    }

    /// <summary>One number for product and key: p 2^32 - j.</summary>
    private static Tensor Numbered(Tensor products, Tensor keys) => products.to(ScalarType.Int64).mul_(PlaceScalar).sub_(keys);

    /// <summary>p of p 2^32 - j.</summary>
    private static Tensor ProductOf(Tensor numbers) =>
        numbers.add(BelowPlace, One).bitwise_right_shift(full([1], Bits, ScalarType.Int64, numbers.device)).to(ScalarType.Float32);

    private static Tensor Numbers(long count, Device device)
    {
        using Scalar end = count;
        return arange(Zero, end, One, ScalarType.Int64, device);
    }
}
