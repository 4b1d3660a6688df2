using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>
/// The K nearest neighbours of every row of a bank among all its rows, exact, by cosine similarity, in tiles: never N x N
/// in memory.
/// </summary>
/// <remarks>
/// Legend: N rows of the bank, F of them filled, D their width, T rows of a tile's side.
/// <para>
/// Similarity is symmetric, so only the tiles on and above the diagonal are computed, some F^2 D / 2 multiply-adds in all, half of a
/// full product, and each is ranked twice: as it stands and transposed. For every row the keys come in ascending order that way.
/// </para>
/// <para>
/// Products are whole numbers below 2^24 and exact (<see cref="EmbeddingBank"/>), and of equal ones the lower index comes first, so the result
/// depends on the bank alone: not on tiles, threads or device.
/// </para>
/// </remarks>
internal static class NearestRows
{
    /// <summary>Entry for "no such neighbour": of images without an embedding, or where fewer than K others have one.</summary>
    public const int None = -1;

    // Made once: see ColourJitter.
    private static readonly Scalar Self = NeighborRanking.Nothing, Zero = 0, Absent = None;

    /// <summary>Rows of a tile's side where none is given: on a CPU what lies in its last cache, elsewhere what keeps it busy.</summary>
    public static int DefaultTile(Device device) => device.type == DeviceType.CPU ? 2048 : 8192;

    /// <summary>Finds the neighbours.</summary>
    /// <param name="bank">Rows; those that are not filled neither ask nor answer.</param>
    /// <param name="k">K, 1 or more.</param>
    /// <param name="progress">Told the tiles that are done and all of them, after each.</param>
    /// <param name="cancellation">Looked at before every tile.</param>
    /// <param name="tile">T, 1 or more; null for <see cref="DefaultTile"/>.</param>
    /// <param name="onHost">Whether .NET ranks the products, which then are on the CPU, or libtorch; null for the faster.</param>
    /// <returns>[N, K] int32 on the bank's device, nearest first, never the row itself; <see cref="None"/> fills up. The caller owns it.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Tensor Search(
        EmbeddingBank bank, int k, Action<long, long>? progress = null, CancellationToken cancellation = default, int? tile = null, bool? onHost = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        int side = tile ?? DefaultTile(bank.Device);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var rows = bank.FilledRows();                                   // [F] int64, ascending
        var neighbors = full([bank.Count, k], Absent, ScalarType.Int32, bank.Device);
        if (rows.size(0) == 0) return neighbors.MoveToOuterDisposeScope();

        NeighborRanking ranking = onHost ?? bank.Device.type == DeviceType.CPU
            ? new HostRanking((int)rows.size(0), k)
            : new DeviceRanking(rows.size(0), k, side, bank.Device);
        RankTiles(bank, rows, side, ranking, progress, cancellation);

        var positions = ranking.Positions().to(bank.Device);            // [F, K] int64 among the filled rows
        var absent = positions.lt(Zero);
        var found = rows.index_select(0, positions.masked_fill_(absent, Zero).view(-1)).view_as(positions).masked_fill_(absent, Absent);
        return neighbors.index_copy_(0, rows, found.to(ScalarType.Int32)).MoveToOuterDisposeScope();
    }

    /// <summary>The same among the rows of a tensor.</summary>
    /// <param name="features">[N, D] floating point, K + 1 rows or more; brought to unit length here. Not owned.</param>
    /// <param name="k">K, 1 or more.</param>
    /// <param name="progress">Told the tiles that are done and all of them, after each.</param>
    /// <param name="cancellation">Looked at before every tile.</param>
    /// <returns>[N, K] int64 on the features' device, nearest first, never the row itself. The caller owns it.</returns>
    public static Tensor Among(Tensor features, int k, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        using var bank = EmbeddingBank.Of(features);
        using var found = Search(bank, k, progress, cancellation);
        return found.to(ScalarType.Int64);
    }

    /// <summary>A bound on what a search holds beside the bank, bytes.</summary>
    /// <param name="count">N, all filled.</param>
    /// <param name="dim">D.</param>
    /// <param name="k">K.</param>
    /// <param name="tile">T.</param>
    public static long PeakBytes(long count, int dim, int k, int tile)
    {
        long side = Math.Min(tile, count);
        // Row numbers and what is ranked; at the end positions, neighbours and marks, twice 8 bytes, once 4 and once 1 each, with the result.
        long ranked = count * (8 + 8L * k + 4) + count * k * (2 * 8 + 1 + 4 + 4L);
        long embeddings = 2 * side * dim * (2 + 4L);                    // queries and keys, as they are kept and as float32
        return ranked + embeddings + Math.Max(HostRanking.TileBytes(side), DeviceRanking.TileBytes(side, k));
    }

    private static void RankTiles(EmbeddingBank bank, Tensor rows, int side, NeighborRanking ranking, Action<long, long>? progress, CancellationToken cancellation)
    {
        long count = rows.size(0), blocks = (count + side - 1) / side, done = 0, all = blocks * (blocks + 1) / 2;
        for (long first = 0; first < count; first += side)
        {
            using var rowScope = NewDisposeScope();
            var queries = Block(first);                                 // [T, D]
            for (long other = first; other < count; other += side)
            {
                cancellation.ThrowIfCancellationRequested();
                using var tileScope = NewDisposeScope();
                var keys = other == first ? queries : Block(other);     // [T, D]
                var products = queries.mm(keys.T);                      // [T, T], whole numbers
                if (other == first) products.diagonal().fill_(Self);    // a row is not its own neighbour
                ranking.Merge(products, first, other);
                if (other != first) ranking.MergeTransposed(products, first, other);
                progress?.Invoke(++done, all);
            }
        }

        Tensor Block(long start) => bank.Integers(rows.narrow(0, start, Math.Min(side, count - start)));
    }
}
