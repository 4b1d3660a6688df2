using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>Through which side of r_i . r_k a gradient flows to the rows.</summary>
internal enum PartitionGradient
{
    /// <summary>None is wanted.</summary>
    None,

    /// <summary>Through i, the anchor.</summary>
    Anchors,

    /// <summary>Through both.</summary>
    Both,
}

/// <summary>
/// <see cref="MeanLogPartition"/> of rows among themselves, each without itself, at about half of the arithmetic, and each row's nearest from the same products:
/// <code>mean_i log s_i,   s_i = sum_{k != i} exp(r_i . r_k / t).</code>
/// </summary>
/// <param name="Mean">Scalar in nats, of the rows' type.</param>
/// <param name="Gradients">Of the mean, for each view [N, D]; null where none was wanted.</param>
/// <param name="Nearest">[n] int64: each row's nearest other row by r_i . r_k, of equals the first; null where it was not wanted.</param>
/// <remarks>
/// Legend: n rows, those of all views one after the other, which are not copied together; D their width.
/// <para>
/// r_i . r_k is symmetric, and with one shift c for all rows so is e = exp(r_i . r_k / t - c): a tile above the diagonal serves its rows, and transposed
/// its columns. Through the anchors the gradient is (e r)_i / (n t s_i), ready after one pass; n^2 D / 2 multiply-adds for e and n^2 D for e r.
/// Through both sides it is (w r)_i with w_ik = e_ik (1 / s_i + 1 / s_k) / (n t), which needs all s first: a second pass makes e anew
/// rather than keep it. Together 2 n^2 D, where whole rows, whose softmax is known at once, take 3.
/// </para>
/// <para>
/// c is the largest |r_i|^2 / t, so e cannot overflow; it loses no digits as long as 2 c is below 64 (<see cref="Suits"/>), for rows of unit length t above 1/32.
/// </para>
/// </remarks>
internal sealed record SelfPartition(Tensor Mean, Tensor[]? Gradients, Tensor? Nearest)
{
    /// <summary>Rows of a tile's side; a tile is <see cref="Width"/> times as wide.</summary>
    public const int DefaultSide = 512;

    private const int Width = 2;

    private static readonly Scalar One = 1, Farthest = double.NegativeInfinity; // made once: see ColourJitter

    private readonly record struct Block(int View, long Start, long Count, long Place);

    /// <summary>Whether rows can be treated so: float32 or float64 on a CPU, since the host reads their length, and t not too small for it.</summary>
    public static bool Suits(double temperature, params Tensor[] views)
    {
        if (views[0].device.type != DeviceType.CPU || views[0].dtype is not (ScalarType.Float32 or ScalarType.Float64)) return false;
        return 2 * LargestProduct(views) / temperature <= SimilarityLoops.LargestExponent; // not where it is NaN
    }

    /// <summary>Computes it.</summary>
    /// <param name="views">Rows, [N, D] each, for which <see cref="Suits"/> says yes. No gradient is recorded.</param>
    /// <param name="temperature">t, above zero.</param>
    /// <param name="gradient">Which gradient is wanted.</param>
    /// <param name="nearest">Whether the nearest rows are wanted.</param>
    /// <param name="side">Rows of a tile.</param>
    public static SelfPartition Compute(Tensor[] views, double temperature, PartitionGradient gradient, bool nearest, int side = DefaultSide)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var memory = Workspace.Rent();
        var rows = views.Select(view => view.detach()).ToArray();
        var blocks = Divide(rows, side);
        long count = blocks[^1].Place + blocks[^1].Count;
        double shift = LargestProduct(rows) / temperature;
        var tile = new SimilarityTile(memory, rows[0], side, Width * side, 1 / temperature, shift);
        var sums = zeros([count], ScalarType.Float64);
        var best = nearest ? full([count], Farthest, rows[0].dtype) : null;
        var place = nearest ? zeros([count], ScalarType.Int64) : null;
        if (nearest) place!.narrow(0, 0, 1).fill_(One); // another row than itself even where no product is a number
        var gradients = gradient == PartitionGradient.None ? null : rows.Select(view => zeros_like(view)).ToArray();
        bool anchors = gradient == PartitionGradient.Anchors;

        Tiles(rows, blocks, side, tile, (a, b) =>
        {
            var (aSums, bSums) = (sums.narrow(0, a.Place, a.Count), a == b ? null : sums.narrow(0, b.Place, b.Count));
            if (nearest)
            {
                tile.Nearest(false, b.Place, best!.narrow(0, a.Place, a.Count), place!.narrow(0, a.Place, a.Count));
                if (a != b) tile.Nearest(true, a.Place, best.narrow(0, b.Place, b.Count), place.narrow(0, b.Place, b.Count));
            }
            tile.Sum(anchors, aSums, bSums);
            if (anchors) AddProducts(tile.Values, rows, gradients!, a, b);
        });

        using Scalar largest = shift, slope = 1 / (temperature * count);
        var mean = sums.log().mean().add(largest).to(rows[0].dtype);
        if (gradients is not null)
        {
            var shares = sums.reciprocal().mul(slope).to(rows[0].dtype);    // [n], 1 / (n t s)
            if (anchors)
                foreach (var block in blocks) Rows(gradients, block).mul_(shares.narrow(0, block.Place, block.Count).unsqueeze(1));
            else
                Tiles(rows, blocks, side, tile, (a, b) =>
                {
                    tile.Weigh(shares.narrow(0, a.Place, a.Count), shares.narrow(0, b.Place, b.Count));
                    AddProducts(tile.Values, rows, gradients, a, b);
                });
        }
        return new SelfPartition(mean.MoveToOuterDisposeScope(), gradients?.Select(g => g.MoveToOuterDisposeScope()).ToArray(), place?.MoveToOuterDisposeScope());
    }

    /// <summary>Visits every pair of rows once, but those within a block twice: tiles on the diagonal are whole.</summary>
    private static void Tiles(Tensor[] rows, List<Block> blocks, int side, SimilarityTile tile, Action<Block, Block> visit)
    {
        for (int i = 0; i < blocks.Count; i++)
        {
            Visit(blocks[i], blocks[i]);
            for (int j = i + 1; j < blocks.Count;)
            {
                var wide = blocks[j++];
                while (j < blocks.Count && blocks[j].View == wide.View && wide.Count + blocks[j].Count <= (long)Width * side)
                    wide = wide with { Count = wide.Count + blocks[j++].Count };
                Visit(blocks[i], wide);
            }
        }

        void Visit(Block a, Block b)
        {
            using var scope = NewDisposeScope();
            tile.Fill(Rows(rows, a), Rows(rows, b), a == b);
            visit(a, b);
        }
    }

    private static void AddProducts(Tensor tile, Tensor[] rows, Tensor[] sums, Block a, Block b)
    {
        Rows(sums, a).addmm_(tile, Rows(rows, b), 1, 1);                    // [A, B] x [B, D]
        if (a != b) Rows(sums, b).addmm_(tile.t(), Rows(rows, a), 1, 1);    // [B, A] x [A, D]
    }

    private static Tensor Rows(Tensor[] views, Block block) => views[block.View].narrow(0, block.Start, block.Count);

    private static List<Block> Divide(Tensor[] views, int side)
    {
        var blocks = new List<Block>();
        long place = 0;
        for (int view = 0; view < views.Length; view++)
            for (long start = 0, all = views[view].shape[0]; start < all; start += side)
            {
                long count = Math.Min(side, all - start);
                blocks.Add(new Block(view, start, count, place));
                place += count;
            }
        return blocks;
    }

    /// <summary>The largest |r|^2, a bound on every product.</summary>
    private static double LargestProduct(Tensor[] views)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        double largest = views.Max(view => view.detach().norm(1).max().ToDouble());
        return largest * largest;
    }
}
