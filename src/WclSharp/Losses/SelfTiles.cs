using System.Collections.Concurrent;
using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// Computes the products of rows among themselves in tiles on and above the diagonal, and sums over them what <see cref="SelfPartition"/> needs.
/// </summary>
/// <remarks>
/// Rows are cut into blocks. A tile holds the products of one block of rows (its rows) with one or more later rows (its columns). A product r_i . r_k serves two rows: row i by the tile
/// as it is, and row k by the tile transposed. A tile on the diagonal holds both products of each pair, so it serves its rows alone.
/// <para>
/// Example: 600 rows of one view, in tiles of 256 rows and up to 512 columns. There are three blocks, 0 to 255, 256 to 511 and 512 to 599, and five tiles:
/// <code>
///                columns   0..255   256..511   512..599
/// rows   0..255              A        B          B        A serves rows 0..255; B, one tile of 344 columns, rows 0..255 and 256..599
/// rows 256..511                       C          D        C serves rows 256..511; D rows 256..511 and 512..599
/// rows 512..599                                  E        E serves rows 512..599
/// </code>
/// So the sum of row 300 is a column of B and a row of C and of D.
/// </para>
/// <para>
/// Blocks take turns, A and B, then C and D, then E. Within a turn threads share the tiles out in tasks, here one a tile, and a thread fills a <see cref="SimilarityTile"/> of its own. No two tiles of a turn have
/// columns in common, so each adds at once to the sums of its columns. All of them have the same rows, so each task sums for these by itself, and the turn ends by adding its tasks' sums up, in order.
/// Blocks and tasks depend on the shape alone, not on the number of threads. A tile does not go beyond a view, since views are not copied together.
/// </para>
/// </remarks>
internal sealed class SelfTiles : IDisposable
{
    private static readonly Scalar One = 1, Farthest = double.NegativeInfinity; // made once: CONTRIBUTING, Numbers

    /// <summary>Neighbouring rows of a view.</summary>
    /// <param name="View">Which view.</param>
    /// <param name="FirstInView">The first row's number among the view's.</param>
    /// <param name="Count">How many rows.</param>
    /// <param name="FirstRow">The first row's number among those of all views.</param>
    private readonly record struct Block(int View, long FirstInView, long Count, long FirstRow);

    private readonly Tensor[] rows;
    private readonly int width;
    private readonly List<Block> blocks = [];
    private readonly List<Block[]>[] tasks; // of each block's turn: the columns of each task's tiles
    private readonly int mostTasks; // of any turn
    private readonly Workspace memory = Workspace.Rent();
    private readonly SimilarityExponent exponent;
    private readonly ConcurrentStack<SimilarityTile> idle = []; // one for each thread that has a task at once

    /// <param name="rows">Views, [N, D] each, without gradient.</param>
    /// <param name="side">Rows of a tile.</param>
    /// <param name="width">Columns of a tile, a multiple of its rows.</param>
    /// <param name="mostTasks">Most tasks of a block's turn, that of the tile on the diagonal not counted.</param>
    /// <param name="temperature">t.</param>
    /// <param name="shift">c: sums are of exp(r_i . r_k / t - c).</param>
    public SelfTiles(Tensor[] rows, int side, int width, int mostTasks, double temperature, double shift)
    {
        this.rows = rows;
        this.width = width;
        Shift = shift;
        exponent = new SimilarityExponent(1 / temperature, shift);
        for (int view = 0; view < rows.Length; view++)
            for (long first = 0, all = rows[view].size(0); first < all; first += side)
            {
                long count = Math.Min(side, all - first);
                blocks.Add(new Block(view, first, count, Rows));
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

    /// <summary>Adds up e over every row's others, and e r where products are wanted, and finds each row's nearest.</summary>
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
        Visit(products, beforeBlock: ClearPartial, onTile: AddTile, afterBlock: AddPartial);

        void ClearPartial()
        {
            partialSums.zero_();
            partialBest?.fill_(Farthest);
        }

        void AddTile(SimilarityTile tile, Block block, Block columns, int task)
        {
            bool onDiagonal = columns == block;
            if (best is not null)
            {
                tile.Nearest(false, columns.FirstRow, toPartialBest.Slice(task * side, block.Count), toPartialNearest.Slice(task * side, block.Count));
                if (!onDiagonal) tile.Nearest(true, block.FirstRow, PartOf(toBest, columns), PartOf(toNearest, columns));
            }
            tile.Sum(products is not null, toPartialSums.Slice(task * side, block.Count), onDiagonal ? default : PartOf(toSums, columns));
        }

        void AddPartial(Block block)
        {
            PartOf(sums, block).add_(partialSums.narrow(1, 0, block.Count).sum([0L]), One);
            if (best is null) return;
            var (largest, task) = partialBest!.narrow(1, 0, block.Count).max(0);  // of equals the first, and so the lowest row
            var above = largest.gt(PartOf(best, block));
            PartOf(best, block).copy_(where(above, largest, PartOf(best, block)));
            PartOf(nearest!, block).copy_(where(above, partialNearest!.narrow(1, 0, block.Count).gather(0, task.unsqueeze(0)).squeeze(0), PartOf(nearest!, block)));
        }
    }

    /// <summary>Adds sum_k e_ik (w_i + w_k) r_k to every row's gradient.</summary>
    /// <param name="weights">w, [n] of the rows' type.</param>
    /// <param name="gradients">[N, D] for each view.</param>
    public void AddWeighed(Tensor weights, Tensor[] gradients)
    {
        var w = VectorSlice.Of(weights);
        Visit(gradients, beforeBlock: null, onTile: (tile, block, columns, _) => tile.Weigh(PartOf(w, block), PartOf(w, columns)), afterBlock: null);
    }

    /// <summary>Multiplies every row of the views by its factor.</summary>
    /// <param name="views">[N, D] each.</param>
    /// <param name="factors">[n].</param>
    public void Scale(Tensor[] views, Tensor factors)
    {
        using var scope = NewDisposeScope();
        foreach (var block in blocks) RowsOf(views, block).mul_(PartOf(factors, block).unsqueeze(1));
    }

    /// <summary>Gives the tiles' memory back.</summary>
    public void Dispose()
    {
        exponent.Dispose();
        memory.Dispose();
    }

    /// <summary>Fills every tile, block by block, and hands it on. Then, where products are wanted, adds the tile times its columns' rows to those of its rows, and the tile transposed times its rows to those of its columns.</summary>
    /// <param name="products">[N, D] for each view, added to; null where they are not wanted.</param>
    /// <param name="beforeBlock">Called before each block's turn; may be null.</param>
    /// <param name="onTile">Called with each tile of cosines, on any thread: reads it, and turns it into what it is multiplied with. It is told the block of the tile's rows, its columns and the number of the task in the turn.</param>
    /// <param name="afterBlock">Called after each block's turn with the block; may be null.</param>
    private void Visit(Tensor[]? products, Action? beforeBlock, Action<SimilarityTile, Block, Block, int> onTile, Action<Block>? afterBlock)
    {
        using var scope = NewDisposeScope();
        var partial = products is null ? null : Take("partial products", mostTasks, blocks.Max(block => block.Count), rows[0].size(1));
        for (int i = 0; i < blocks.Count; i++)
        {
            using var blockScope = NewDisposeScope();
            var (block, columnsOfTasks) = (blocks[i], tasks[i]);
            beforeBlock?.Invoke();
            TorchThreads.ForOperators(columnsOfTasks.Count, task =>
            {
                using var noGradient = no_grad(); // a thread's own
                using var taskScope = NewDisposeScope();
                if (!idle.TryPop(out var tile)) throw new InvalidOperationException("More threads than tiles.");
                var mine = RowsOf(rows, block);                                            // [A, D]
                var sum = partial?[task].narrow(0, 0, block.Count);
                for (int t = 0; t < columnsOfTasks[task].Length; t++)
                {
                    var columns = columnsOfTasks[task][t];
                    bool onDiagonal = columns == block;
                    var others = RowsOf(rows, columns);                                    // [B, D]
                    tile.Fill(mine, others, onDiagonal);
                    onTile(tile, block, columns, task);
                    if (products is null) continue;
                    sum!.addmm_(tile.Values, others, t == 0 ? 0 : 1, 1);                   // [A, B] x [B, D]
                    if (!onDiagonal) RowsOf(products, columns).addmm_(tile.Values.t(), mine, 1, 1); // [B, A] x [A, D]
                }
                idle.Push(tile);
            });
            if (products is not null) RowsOf(products, block).add_(partial!.narrow(0, 0, columnsOfTasks.Count).narrow(1, 0, block.Count).sum([0L]), One);
            afterBlock?.Invoke(block);
        }
    }

    /// <summary>The columns of a block's tiles, by task: first those of the tile on the diagonal, the block itself; then the later blocks, neighbours of a view joined to tiles of the full width.</summary>
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

    /// <summary>The values of a block's rows, of [n].</summary>
    private static Tensor PartOf(Tensor values, Block block) => values.narrow(0, block.FirstRow, block.Count);

    private static VectorSlice PartOf(VectorSlice values, Block block) => values.Slice(block.FirstRow, block.Count);

    private static Tensor RowsOf(Tensor[] views, Block block) => views[block.View].narrow(0, block.FirstInView, block.Count);
}
