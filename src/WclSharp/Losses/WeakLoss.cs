using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// Weakly supervised contrastive loss of one view (WCL paper, equation 4; SupCon's form): with P(i) = {p != i : y_p = y_i},
/// <code>L(V, y) = mean_i -1/|P(i)| sum_{p in P(i)} log( exp(v_i . v_p / t) / sum_{k != i} exp(v_i . v_k / t) ).</code>
/// </summary>
/// <remarks>
/// The mean over positives is linear in the keys, so it is taken once a component: sum_{p in P(i)} v_i . v_p =
/// v_i . (sum of i's component - v_i), and no N x N mask of positives is made.
/// <para>
/// In the authors' code the keys are detached, so the gradient flows through the anchors only; pass detached keys for
/// that, or the anchors themselves for the gradient of the formula.
/// </para>
/// </remarks>
internal static class WeakLoss
{
    // Made once: see ColourJitter.
    private static readonly Scalar Half = 0.5, One = 1;

    /// <summary>The swapped loss of both views, ( L(V1, y2) + L(V2, y1) ) / 2 (paper, equation 5).</summary>
    /// <param name="v1">Projections of the first views, [N, D] floating point, rows of unit length.</param>
    /// <param name="v2">Projections of the second views, likewise.</param>
    /// <param name="labels1">Components of the first views' graph, [N] int64 in 0 .. N - 1.</param>
    /// <param name="labels2">Components of the second views' graph, likewise.</param>
    /// <param name="temperature">Softmax temperature t, above zero.</param>
    /// <param name="detachKeys">True: gradient through anchors only.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    public static Tensor Swapped(Tensor v1, Tensor v2, Tensor labels1, Tensor labels2, double temperature, bool detachKeys)
    {
        LossArguments.RequireSameShape(v1, v2);
        using var scope = NewDisposeScope();
        var keys1 = detachKeys ? v1.detach() : v1;
        var keys2 = detachKeys ? v2.detach() : v2;
        var first = Forward(v1, keys1, labels2, 0, temperature);
        var second = Forward(v2, keys2, labels1, 0, temperature);
        return first.add(second, One).mul(Half).MoveToOuterDisposeScope();
    }

    /// <summary>The loss of this rank's anchors against the keys of the logical batch.</summary>
    /// <param name="anchors">This rank's rows, [n, D], rows of unit length.</param>
    /// <param name="keys">All rows, [N, D]; rows offset .. offset + n - 1 are the anchors'. Gradient flows where they carry one.</param>
    /// <param name="labels">[N] int64 in 0 .. N - 1, each with two members or more.</param>
    /// <param name="offset">First row of this rank.</param>
    /// <param name="temperature">Softmax temperature t, above zero.</param>
    /// <returns>Scalar mean over the n anchors.</returns>
    public static Tensor Forward(Tensor anchors, Tensor keys, Tensor labels, long offset, double temperature)
    {
        using var scope = NewDisposeScope();
        using Scalar sharpness = 1 / temperature;
        long rows = anchors.shape[0], all = keys.shape[0];
        if (labels.shape[0] != all) throw new ArgumentException($"{labels.shape[0]} labels for {all} keys; give one each.", nameof(labels));

        var sums = zeros_like(keys).index_add(0, labels, keys, One);          // [N, D], row y: sum of component y
        var members = zeros([all], dtype: anchors.dtype, device: keys.device)
            .index_add(0, labels, ones([all], dtype: anchors.dtype, device: keys.device), One); // [N]
        var mine = labels.narrow(0, offset, rows);                            // [n]
        var self = keys.narrow(0, offset, rows);                              // [n, D]
        var others = sums.index_select(0, mine).sub(self);                    // [n, D], sum over P(i)
        var count = members.index_select(0, mine).sub(One);                   // [n], |P(i)|
        var positives = anchors.mul(others).sum(1).div(count).mean().mul(sharpness); // mean of v_i . v_p / t
        var denominator = MeanLogPartition.Of(anchors, keys, temperature, new OwnKeys(0, offset, rows));
        return denominator.sub(positives).MoveToOuterDisposeScope();
    }
}
