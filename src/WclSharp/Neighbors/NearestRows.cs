using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>
/// The K nearest neighbours of every row of a bank among all its rows, exact, by cosine similarity, in tiles: never N x N
/// in memory.
/// </summary>
/// <remarks>
/// Legend: F rows that are filled, D their width, T rows of a tile's side, g keys of a group.
/// <para>
/// Similarity is symmetric, so only the tiles on and above the diagonal are computed, N^2 D multiply-adds in all, half of a
/// full product, and each is merged twice: as it stands and transposed. For every row the keys come in ascending order that way.
/// </para>
/// <para>
/// Merging is what would dominate if it looked at every product more than once. A tile's maximum over groups of g keys is taken, and
/// only rows where it beats the row's K-th best so far are looked at further: by then that is K / t of the rows in the t-th tile of a random order, some
/// K ln(F / T) visits a row. There, the K best elements lie in the K groups with the best maxima, so K g elements compete with
/// the K that are kept.
/// </para>
/// <para>
/// Products are whole numbers below 2^24 and exact (<see cref="EmbeddingBank"/>). Product p with key j becomes one 64-bit
/// number p 2^32 - j, so that each is different and the order, ties included, is by similarity and then by the lower index. The result
/// depends on the bank alone: not on tiles, threads or device.
/// </para>
/// </remarks>
internal sealed class NearestRows
{
    /// <summary>Entry for "no such neighbour": of images without an embedding, or where fewer than K others have one.</summary>
    public const int None = -1;

    private const int GroupKeys = 64;
    private const long Place = 1L << 32; // of a product, above the index
    private const int Nothing = -(1 << 25); // below every product

    // Made once: see ColourJitter.
    private static readonly Scalar Self = Nothing, PlaceScalar = Place, AlmostPlace = Place - 1, Bits = 32, One = 1, Zero = 0, Absent = None, Group = GroupKeys;

    // A row's own key, -2^25 2^32 - j, loses against this, and so never takes the place of nothing.
    private static readonly Scalar Empty = Nothing * Place + 1;

    private readonly int k;
    private readonly Tensor best;  // [F, K] int64, the keys kept, best first
    private readonly Tensor worst; // [F] float32, product of the K-th
    private readonly Tensor withinGroup, groupNumbers;

    private NearestRows(long count, int k, int tile, Device device)
    {
        this.k = k;
        best = full([count, k], Empty, ScalarType.Int64, device);
        worst = full([count], Self, ScalarType.Float32, device);
        withinGroup = Numbers(GroupKeys, device);                       // [g]
        groupNumbers = Numbers((tile + GroupKeys - 1) / GroupKeys, device); // [T / g]
    }

    /// <summary>Rows of a tile's side where none is given: on a CPU what lies in its caches, elsewhere what keeps it busy.</summary>
    public static int DefaultTile(Device device) => device.type == DeviceType.CPU ? 2048 : 8192;

    /// <summary>Finds the neighbours.</summary>
    /// <param name="bank">Rows; those that are not filled neither ask nor answer.</param>
    /// <param name="k">K, 1 or more.</param>
    /// <param name="progress">Told the tiles that are done and all of them, after each.</param>
    /// <param name="cancellation">Looked at before every tile.</param>
    /// <param name="tile">T, 1 or more; null for <see cref="DefaultTile"/>.</param>
    /// <returns>[N, K] int32 on the bank's device, nearest first, never the row itself; <see cref="None"/> fills up. The caller owns it.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Tensor Search(EmbeddingBank bank, int k, Action<long, long>? progress = null, CancellationToken cancellation = default, int? tile = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        int side = tile ?? DefaultTile(bank.Device);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var rows = bank.FilledRows();                                   // [F]
        var search = new NearestRows(rows.shape[0], k, side, bank.Device);
        search.AllTiles(bank, rows, side, progress, cancellation);
        return search.Result(rows, bank.Count).MoveToOuterDisposeScope();
    }

    /// <summary>The most that a search holds beside the bank, bytes.</summary>
    /// <param name="count">N, all filled.</param>
    /// <param name="dim">D.</param>
    /// <param name="k">K.</param>
    /// <param name="tile">T.</param>
    public static long PeakBytes(long count, int dim, int k, int tile)
    {
        long t = Math.Min(tile, count), groups = (t + GroupKeys - 1) / GroupKeys;
        // Kept keys, K-th products and row numbers; at the end the keys once more while the result is made of them.
        long kept = count * (8L * k + 4 + 8) + count * (2 * 8L * k + 4L * k);
        long products = 2 * 4 * t * groups * GroupKeys;                 // twice where a ragged tile is padded
        long embeddings = 2 * t * dim * (4 + 2L);                       // queries and keys, as they are kept and as float32
        long maxima = t * groups * (4 + 3 * 8L);
        long candidates = t * (Math.Min(k, groups) * GroupKeys + k) * (4 + 5 * 8L);
        return kept + products + embeddings + maxima + candidates;
    }

    private void AllTiles(EmbeddingBank bank, Tensor rows, int side, Action<long, long>? progress, CancellationToken cancellation)
    {
        long count = rows.shape[0], blocks = (count + side - 1) / side, done = 0, all = blocks * (blocks + 1) / 2;
        for (long first = 0; first < count; first += side)
        {
            using var rowScope = NewDisposeScope();
            var queries = Block(first);                                 // [T, D]
            for (long other = first; other < count; other += side)
            {
                cancellation.ThrowIfCancellationRequested();
                using var tileScope = NewDisposeScope();
                var keys = other == first ? queries : Block(other);     // [T, D]
                var products = queries.matmul(keys.T);                  // [T, T], whole numbers
                if (other == first) products.diagonal().fill_(Self);    // a row is not its own neighbour
                Merge(products, first, other);
                if (other != first) Merge(products.T, other, first);
                progress?.Invoke(++done, all);
            }
        }

        Tensor Block(long start) => bank.Integers(rows.narrow(0, start, Math.Min(side, count - start)));
    }

    /// <summary>Lets the products of a block of rows with a block of later keys than those before compete.</summary>
    /// <param name="products">[q, n] float32, of any strides.</param>
    /// <param name="firstRow">The first row's number.</param>
    /// <param name="firstKey">The first key's number.</param>
    private void Merge(Tensor products, long firstRow, long firstKey)
    {
        using var scope = NewDisposeScope();
        long rows = products.shape[0], ragged = products.shape[1] % GroupKeys;
        if (ragged != 0) products = cat([products, full([rows, GroupKeys - ragged], Self, ScalarType.Float32, products.device)], 1);
        var groups = products.view(rows, -1, GroupKeys);                // [q, G, g]
        var maxima = groups.amax([2]);                                  // [q, G]
        // Strictly better: of equal ones the lower index, which came before, stays.
        var hits = maxima.amax([1]).gt(worst.narrow(0, firstRow, rows)).nonzero().reshape(-1); // [h]
        if (hits.shape[0] == 0) return;

        long groupCount = maxima.shape[1];
        var groupKeys = Keys(maxima.index_select(0, hits), groupNumbers.narrow(0, 0, groupCount)); // [h, G]
        var chosen = groupKeys.topk((int)Math.Min(k, groupCount), 1).indexes;     // [h, K']
        var candidates = groups.index(TensorIndex.Tensor(hits.unsqueeze(1)), TensorIndex.Tensor(chosen)); // [h, K', g]
        using Scalar start = firstKey, row = firstRow;
        var numbers = chosen.mul(Group).add_(start, One).unsqueeze(2).add(withinGroup, One);       // [h, K', g]
        var places = hits.add(row, One);                                // [h]
        var competing = cat([best.index_select(0, places), Keys(candidates, numbers).view(hits.shape[0], -1)], 1);
        var kept = competing.topk(k, 1).values;                         // [h, K], best first
        best.index_copy_(0, places, kept);
        worst.index_copy_(0, places, ProductOf(kept.select(1, k - 1)));
    }

    /// <summary>One number for product and index: p 2^32 - j.</summary>
    private static Tensor Keys(Tensor products, Tensor numbers) => products.to(ScalarType.Int64).mul_(PlaceScalar).sub_(numbers);

    /// <summary>p of p 2^32 - j.</summary>
    private static Tensor ProductOf(Tensor keys) => keys.add(AlmostPlace, One).bitwise_right_shift(full([1], Bits, ScalarType.Int64, keys.device)).to(ScalarType.Float32);

    private Tensor Result(Tensor rows, long count)
    {
        // j = -key modulo 2^32; what is empty or a row that is padded at the end is nobody.
        var positions = best.neg().bitwise_and(full([1], AlmostPlace, ScalarType.Int64, best.device)); // [F, K]
        var empty = best.eq(Empty);
        positions.masked_fill_(empty, Zero);
        var neighbors = rows.shape[0] == 0 ? positions : rows.index_select(0, positions.view(-1)).view(-1, k);
        neighbors.masked_fill_(empty, Absent);
        return full([count, k], Absent, ScalarType.Int32, best.device).index_copy_(0, rows, neighbors.to(ScalarType.Int32));
    }

    private static Tensor Numbers(long count, Device device)
    {
        using Scalar end = count;
        return arange(Zero, end, One, ScalarType.Int64, device);
    }
}
