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
    /// <summary>Rows of a tile, which is <see cref="Width"/> times as wide: with its rows it stays in a core's second cache.</summary>
    public const int DefaultSide = 256;

    private const int Width = 2, MostTasks = 32;

    private static readonly Scalar One = 1, Farthest = double.NegativeInfinity; // made once: CONTRIBUTING, Numbers

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
        var rows = views.Select(view => view.detach()).ToArray();
        using var tiles = new SelfTiles(rows, side, Width * side, MostTasks, temperature, LargestProduct(rows) / temperature);
        var sums = zeros([tiles.Rows], ScalarType.Float64);
        var best = nearest ? full([tiles.Rows], Farthest, rows[0].dtype) : null;
        var place = nearest ? zeros([tiles.Rows], ScalarType.Int64) : null;
        place?.narrow(0, 0, 1).fill_(One); // another row than itself even where no product is a number
        var gradients = gradient == PartitionGradient.None ? null : rows.Select(view => zeros_like(view)).ToArray();
        tiles.Sum(sums, gradient == PartitionGradient.Anchors ? gradients : null, best, place);

        using Scalar shift = tiles.Shift, slope = 1 / (temperature * tiles.Rows);
        var mean = sums.log().mean().add(shift).to(rows[0].dtype);
        if (gradients is not null)
        {
            var shares = sums.reciprocal().mul(slope).to(rows[0].dtype);    // [n], 1 / (n t s)
            if (gradient == PartitionGradient.Anchors) tiles.Scale(gradients, shares);
            else tiles.AddWeighed(shares, gradients);
        }
        return new SelfPartition(mean.MoveToOuterDisposeScope(), gradients?.Select(g => g.MoveToOuterDisposeScope()).ToArray(), place?.MoveToOuterDisposeScope());
    }

    /// <summary>The largest |r|^2, a bound on every product.</summary>
    private static double LargestProduct(Tensor[] views)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        double largest = views.Aggregate(0.0, (most, view) => Math.Max(most, view.detach().norm(1).max().ToDouble())); // Max of a sequence would pass over NaN
        return largest * largest;
    }
}
