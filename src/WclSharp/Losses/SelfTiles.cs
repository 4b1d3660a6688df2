using System.Collections.Concurrent;
using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// The products of rows among themselves in tiles on and above the diagonal, and the sums over them that <see cref="SelfPartition"/> is made of.
/// </summary>
/// <remarks>
/// A block of rows at a time: its tiles are shared out among threads, each with a tile of its own. What a tile adds for its columns is
/// nobody else's then; what it adds for its rows is summed by task and put together afterwards, in order. Blocks and tasks depend on the shape alone.
/// </remarks>
internal sealed class SelfTiles : IDisposable
{
    private static readonly Scalar One = 1, Farthest = double.NegativeInfinity; // made once: CONTRIBUTING, Numbers

    private readonly record struct Block(int View, long Start, long Count, long Place);

    private readonly Tensor[] rows;
    private readonly int width;
    private readonly List<Block> blocks = [];
    private readonly List<Block[]>[] tasks;
    private readonly int mostTasks;
    private readonly Workspace memory = Workspace.Rent();
    private readonly SimilarityExponent exponent;
    private readonly ConcurrentStack<SimilarityTile> idle = [];

    /// <param name="rows">Views, [N, D] each, without gradient.</param>
    /// <param name="side">Rows of a tile.</param>
    /// <param name="width">Columns of a tile, a multiple of its rows.</param>
    /// <param name="mostTasks">Into how many tasks the tiles of a block beside the diagonal are put together at most.</param>
    /// <param name="temperature">t.</param>
    /// <param name="shift">c: sums are of exp(r_i . r_k / t - c).</param>
    public SelfTiles(Tensor[] rows, int side, int width, int mostTasks, double temperature, double shift)
    {
        this.rows = rows;
        this.width = width;
        Shift = shift;
        exponent = new SimilarityExponent(1 / temperature, shift);
        for (int view = 0; view < rows.Length; view++)
            for (long start = 0, all = rows[view].size(0); start < all; start += side)
            {
                long count = Math.Min(side, all - start);
                blocks.Add(new Block(view, start, count, Rows));
                Rows += count;
            }
        tasks = [.. Enumerable.Range(0, blocks.Count).Select(i => TasksOf(i, mostTasks))];
        this.mostTasks = tasks.Max(list => list.Count);
        long room = SimilarityTile.Room(side, width);
        for (int i = Math.Min(this.mostTasks, get_num_threads()); i > 0; i--)
            idle.Push(new SimilarityTile(Take($"similarities {i}", room), exponent));
    }

    /// <summary>n, rows of all views.</summary>
    public long Rows { get; }

    /// <summary>c.</summary>
    public double Shift { get; }

    /// <summary>Adds up e over every row's others, e r where gradients are given, and looks for the nearest.</summary>
    /// <param name="sums">[n] float64, added to.</param>
    /// <param name="products">[N, D] for each view, to which (e r)_i is added; null where it is not wanted.</param>
    /// <param name="best">[n], largest product so far; null where it is not wanted.</param>
    /// <param name="nearest">[n] int64, whose it is; null with it.</param>
    public void Sum(Tensor sums, Tensor[]? products, Tensor? best, Tensor? nearest)
    {
        using var scope = NewDisposeScope();
        long side = blocks.Max(block => block.Count);
        var partialSums = zeros([mostTasks, side], ScalarType.Float64);
        var partialBest = best is null ? null : empty([mostTasks, side], best.dtype);
        var partialNearest = best is null ? null : zeros([mostTasks, side], ScalarType.Int64);
        var (toSums, toPartialSums) = (VectorSlice.Of(sums), VectorSlice.Of(partialSums.view(-1)));
        var (toBest, toNearest) = best is null ? default : (VectorSlice.Of(best), VectorSlice.Of(nearest!));
        var (toPartialBest, toPartialNearest) = best is null ? default : (VectorSlice.Of(partialBest!.view(-1)), VectorSlice.Of(partialNearest!.view(-1)));
        Visit(products, before: () =>
        {
            partialSums.zero_();
            partialBest?.fill_(Farthest);
        }, (tile, a, b, task) =>
        {
            if (best is not null)
            {
                tile.Nearest(false, b.Place, toPartialBest.Slice(task * side, a.Count), toPartialNearest.Slice(task * side, a.Count));
                if (a != b) tile.Nearest(true, a.Place, Of(toBest, b), Of(toNearest, b));
            }
            tile.Sum(products is not null, toPartialSums.Slice(task * side, a.Count), a == b ? default : Of(toSums, b));
        }, after: a =>
        {
            Of(sums, a).add_(partialSums.narrow(1, 0, a.Count).sum([0L]), One);
            if (best is null) return;
            var (largest, task) = partialBest!.narrow(1, 0, a.Count).max(0);  // of equals the first, and so the lowest row
            var above = largest.gt(Of(best, a));
            Of(best, a).copy_(where(above, largest, Of(best, a)));
            Of(nearest!, a).copy_(where(above, partialNearest!.narrow(1, 0, a.Count).gather(0, task.unsqueeze(0)).squeeze(0), Of(nearest!, a)));
        });
    }

    /// <summary>Adds sum_k e_ik (w_i + w_k) r_k to every row's gradient.</summary>
    /// <param name="weights">w, [n] of the rows' type.</param>
    /// <param name="gradients">[N, D] for each view.</param>
    public void AddWeighed(Tensor weights, Tensor[] gradients)
    {
        var w = VectorSlice.Of(weights);
        Visit(gradients, before: null, (tile, a, b, _) => tile.Weigh(Of(w, a), Of(w, b)), after: null);
    }

    /// <summary>Multiplies every row of the views by its factor.</summary>
    /// <param name="views">[N, D] each.</param>
    /// <param name="factors">[n].</param>
    public void Scale(Tensor[] views, Tensor factors)
    {
        using var scope = NewDisposeScope();
        foreach (var block in blocks) RowsOf(views, block).mul_(Of(factors, block).unsqueeze(1));
    }

    /// <summary>Gives the tiles' memory back.</summary>
    public void Dispose()
    {
        exponent.Dispose();
        memory.Dispose();
    }

    /// <summary>Fills every tile and adds its products with the rows, after it was visited, to <paramref name="products"/> where there are any.</summary>
    private void Visit(Tensor[]? products, Action? before, Action<SimilarityTile, Block, Block, int> visit, Action<Block>? after)
    {
        using var scope = NewDisposeScope();
        var partial = products is null ? null : Take("partial products", mostTasks, blocks.Max(block => block.Count), rows[0].size(1));
        for (int i = 0; i < blocks.Count; i++)
        {
            using var blockScope = NewDisposeScope();
            var (a, list) = (blocks[i], tasks[i]);
            before?.Invoke();
            TorchThreads.ForOperators(list.Count, task =>
            {
                using var noGradient = no_grad(); // a thread's own
                using var taskScope = NewDisposeScope();
                if (!idle.TryPop(out var tile)) throw new InvalidOperationException("More threads than tiles.");
                var mine = RowsOf(rows, a);                                                // [A, D]
                var sum = partial?[task].narrow(0, 0, a.Count);
                for (int t = 0; t < list[task].Length; t++)
                {
                    var b = list[task][t];
                    var others = RowsOf(rows, b);                                          // [B, D]
                    tile.Fill(mine, others, a == b);
                    visit(tile, a, b, task);
                    if (products is null) continue;
                    sum!.addmm_(tile.Values, others, t == 0 ? 0 : 1, 1);                   // [A, B] x [B, D]
                    if (a != b) RowsOf(products, b).addmm_(tile.Values.t(), mine, 1, 1);   // [B, A] x [A, D]
                }
                idle.Push(tile);
            });
            if (products is not null) RowsOf(products, a).add_(partial!.narrow(0, 0, list.Count).narrow(1, 0, a.Count).sum([0L]), One);
            after?.Invoke(a);
        }
    }

    /// <summary>What goes with a block of rows: its tile on the diagonal, and those beside it.</summary>
    private List<Block[]> TasksOf(int i, int mostTasks)
    {
        var wide = new List<Block>();
        foreach (var block in blocks.Skip(i + 1))
        {
            if (wide.Count > 0 && wide[^1].View == block.View && wide[^1].Count + block.Count <= width) wide[^1] = wide[^1] with { Count = wide[^1].Count + block.Count };
            else wide.Add(block);
        }
        int each = Math.Max(1, (wide.Count + mostTasks - 1) / mostTasks);
        return [[blocks[i]], .. wide.Chunk(each)];
    }

    /// <summary>Memory of the rows' type; float32 is kept for the next call.</summary>
    private Tensor Take(string purpose, params long[] shape) =>
        rows[0].dtype == ScalarType.Float32 ? memory.Take(purpose, shape.Aggregate(1L, (product, length) => product * length)).view(shape) : empty(shape, rows[0].dtype);

    private static Tensor Of(Tensor values, Block block) => values.narrow(0, block.Place, block.Count);

    private static VectorSlice Of(VectorSlice values, Block block) => values.Slice(block.Place, block.Count);

    private static Tensor RowsOf(Tensor[] views, Block block) => views[block.View].narrow(0, block.Start, block.Count);
}
