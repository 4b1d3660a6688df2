using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
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
/// <para>Its gradient is found with it. The loss by itself goes back as often as asked (<c>retain_graph</c>), without second derivatives: to <c>create_graph</c> its gradient is a constant.</para>
/// </remarks>
public static class WeakLoss
{
    // Made once: see ColourJitter.
    private static readonly Scalar Half = 0.5, One = 1;

    /// <summary>The swapped loss of both views, ( L(V1, y2) + L(V2, y1) ) / 2 (paper, equation 5).</summary>
    /// <param name="v1">Projections of the first views, [N, D] floating point, rows of unit length; N is 2 or more.</param>
    /// <param name="v2">Projections of the second views, likewise.</param>
    /// <param name="labels1">Components of the first views' graph, [N] int64 in 0 .. N - 1, each with two members or more.</param>
    /// <param name="labels2">Components of the second views' graph, likewise.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <param name="detachKeys">True: gradient through anchors only.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes, types, labels or temperature are not possible; the message shows them. Values of labels are checked on a CPU alone.</exception>
    public static Tensor Swapped(Tensor v1, Tensor v2, Tensor labels1, Tensor labels2, double temperature, bool detachKeys)
    {
        LossArguments.RequireSameShape(v1, v2);
        LossArguments.RequireTemperature(temperature);
        LossArguments.RequireLabels(labels1, v1.size(0), inPairs: true);
        LossArguments.RequireLabels(labels2, v1.size(0), inPairs: true);
        return SwappedOfChecked(v1, v2, labels1, labels2, temperature, detachKeys);
    }

    private static Tensor SwappedOfChecked(Tensor v1, Tensor v2, Tensor labels1, Tensor labels2, double temperature, bool detachKeys)
    {
        using var scope = NewDisposeScope();
        var first = OfChecked(v1, labels2, temperature, detachKeys);
        var second = OfChecked(v2, labels1, temperature, detachKeys);
        return first.add(second, One).mul(Half).MoveToOuterDisposeScope();
    }

    /// <summary>The loss of both views by the components of their own graphs; products of rows serve graph and loss.</summary>
    /// <param name="v1">Projections of the first views, [N, D] floating point, rows of unit length; N is 2 or more.</param>
    /// <param name="v2">Projections of the second views, likewise.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <param name="detachKeys">True: gradient through anchors only.</param>
    /// <param name="swap">True: <see cref="Swapped"/>. False: each view by its own labels.</param>
    /// <returns>Scalar mean loss in nats, and the components of both graphs as <see cref="ConnectedComponents.Label"/> gives them; the caller owns them.</returns>
    /// <exception cref="ArgumentException">Shapes or types differ, or the temperature is not possible; the message shows them.</exception>
    public static (Tensor Loss, Tensor Labels1, Tensor Labels2) OfGraphs(Tensor v1, Tensor v2, double temperature, bool detachKeys, bool swap = true)
    {
        LossArguments.RequireSameShape(v1, v2);
        LossArguments.RequireTemperature(temperature);
        using var scope = NewDisposeScope();
        Tensor loss, labels1, labels2;
        if (SelfPartition.Suits(temperature, v1, v2))
        {
            var (partition1, partition2) = (Partition(v1, temperature, detachKeys, nearest: true), Partition(v2, temperature, detachKeys, nearest: true));
            labels1 = ConnectedComponents.LabelOfChecked(partition1.Nearest!);
            labels2 = ConnectedComponents.LabelOfChecked(partition2.Nearest!);
            var first = WithPositives(v1, partition1, swap ? labels2 : labels1, temperature, detachKeys);
            var second = WithPositives(v2, partition2, swap ? labels1 : labels2, temperature, detachKeys);
            loss = first.add(second, One).mul(Half);
        }
        else
        {
            labels1 = ConnectedComponents.OfNearestNeighbors(v1);
            labels2 = ConnectedComponents.OfNearestNeighbors(v2);
            loss = swap ? SwappedOfChecked(v1, v2, labels1, labels2, temperature, detachKeys) : SwappedOfChecked(v1, v2, labels2, labels1, temperature, detachKeys);
        }
        return (loss.MoveToOuterDisposeScope(), labels1.MoveToOuterDisposeScope(), labels2.MoveToOuterDisposeScope());
    }

    /// <summary>The loss of all rows of a logical batch.</summary>
    /// <param name="rows">[N, D] floating point, rows of unit length; N is 2 or more.</param>
    /// <param name="labels">[N] int64 in 0 .. N - 1, each with two members or more: a row without a positive has no loss.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <param name="detachKeys">True: gradient through anchors only.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shape, type, labels or temperature are not possible; the message shows them. Values of labels are checked on a CPU alone.</exception>
    public static Tensor OfBatch(Tensor rows, Tensor labels, double temperature, bool detachKeys)
    {
        LossArguments.RequireRows(rows);
        LossArguments.RequireTemperature(temperature);
        LossArguments.RequireLabels(labels, rows.size(0), inPairs: true);
        return OfChecked(rows, labels, temperature, detachKeys);
    }

    /// <summary><see cref="OfBatch"/> of arguments that are known to be right.</summary>
    internal static Tensor OfChecked(Tensor rows, Tensor labels, double temperature, bool detachKeys)
    {
        if (!SelfPartition.Suits(temperature, rows)) return Forward(rows, detachKeys ? rows.detach() : rows, labels, 0, temperature);
        using var scope = NewDisposeScope();
        return WithPositives(rows, Partition(rows, temperature, detachKeys, nearest: false), labels, temperature, detachKeys).MoveToOuterDisposeScope();
    }

    /// <summary>The loss of this rank's anchors against the keys of the logical batch.</summary>
    /// <param name="anchors">This rank's rows, [n, D], rows of unit length.</param>
    /// <param name="keys">All rows, [N, D]; rows offset .. offset + n - 1 are the anchors'. Gradient flows where they carry one.</param>
    /// <param name="labels">[N] int64 in 0 .. N - 1, each with two members or more.</param>
    /// <param name="offset">First row of this rank.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean over the n anchors.</returns>
    internal static Tensor Forward(Tensor anchors, Tensor keys, Tensor labels, long offset, double temperature)
    {
        using var scope = NewDisposeScope();
        using Scalar sharpness = 1 / temperature;
        long rows = anchors.size(0), all = keys.size(0);
        if (labels.size(0) != all) throw new ArgumentException($"{labels.size(0)} labels for {all} keys; give one each.", nameof(labels));

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

    private static SelfPartition Partition(Tensor rows, double temperature, bool detachKeys, bool nearest)
    {
        bool training = is_grad_enabled() && rows.requires_grad;
        var gradient = !training ? PartitionGradient.None : detachKeys ? PartitionGradient.Anchors : PartitionGradient.Both;
        return SelfPartition.Compute([rows], temperature, gradient, nearest);
    }

    /// <summary>The denominator less the positives, and so its gradient, which is overwritten.</summary>
    private static Tensor WithPositives(Tensor rows, SelfPartition partition, Tensor labels, double temperature, bool detachKeys)
    {
        var gradient = partition.Gradients?[0];
        long all = rows.size(0);
        if (labels.size(0) != all) throw new ArgumentException($"{labels.size(0)} labels for {all} keys; give one each.", nameof(labels));
        using var scope = NewDisposeScope();
        using (no_grad())
        {
            // A component's pairs have one weight both ways, so the gradient through the keys is that through the anchors again.
            double share = 1 / (temperature * all);
            using Scalar slope = -share, gradientSlope = detachKeys ? -share : -2 * share;
            var v = rows.detach();
            var (sums, members) = (zeros_like(v), zeros([all], dtype: v.dtype, device: v.device));
            sums.index_add_(0, labels, v, One);                             // [N, D], row y: sum of component y
            members.index_add_(0, labels, ones([all], dtype: v.dtype, device: v.device), One);
            foreach (var (start, count) in RowTiles.Of(all, v.size(1), v.dtype, v.device))
            {
                using var block = NewDisposeScope();
                var mine = labels.narrow(0, start, count);                  // [B]
                var anchors = v.narrow(0, start, count);                    // [B, D]
                var means = sums.index_select(0, mine).sub_(anchors).div_(members.index_select(0, mine).sub_(One).unsqueeze(1)); // of P(i)
                gradient?.narrow(0, start, count).add_(means, gradientSlope);
                partition.Mean.add_(BlockProducts.Sum(anchors, means), slope);
            }
        }
        return KnownGradient.Attach(partition.Mean, [rows], [gradient]).MoveToOuterDisposeScope();
    }
}
