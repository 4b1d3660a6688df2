using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// Instance discrimination (SimCLR's NT-Xent; WCL paper, equation 1): with Z = [z1; z2] of 2N rows, row a has one
/// positive p(a), the other view of its image, and
/// <code>L = mean_a -log( exp(Z_a . Z_p(a) / t) / sum_{k != a} exp(Z_a . Z_k / t) ).</code>
/// </summary>
/// <remarks>
/// Legend: N images in the logical batch, n of them here (n = N but in the authors' runs on several GPUs, which a test compares with), D projection size.
/// Its gradient is found with it. The loss by itself goes back as often as asked (<c>retain_graph</c>), without second derivatives: to <c>create_graph</c> its gradient is a constant.
/// </remarks>
public static class InstanceLoss
{
    /// <summary>The loss over a whole logical batch; gradient flows through both sides of every product.</summary>
    /// <param name="z1">Projections of the first views, [N, D] floating point, rows of unit length; N is 2 or more.</param>
    /// <param name="z2">Projections of the second views, likewise.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes or types differ, or the temperature is not possible; the message shows them.</exception>
    public static Tensor Forward(Tensor z1, Tensor z2, double temperature)
    {
        LossArguments.RequireSameShape(z1, z2);
        LossArguments.RequireTemperature(temperature);
        if (!SelfPartition.Suits(temperature, z1, z2)) return Forward(z1, z2, z1, z2, 0, temperature);
        using var scope = NewDisposeScope();
        bool training = is_grad_enabled() && (z1.requires_grad || z2.requires_grad);
        var partition = SelfPartition.Compute([z1, z2], temperature, training ? PartitionGradient.Both : PartitionGradient.None, nearest: false);
        var gradients = partition.Gradients ?? [];
        using (no_grad())
        {
            // Both rows of an image have the same positive product: their mean is sum_i z1_i . z2_i / (N t).
            double share = 1 / (temperature * z1.size(0));
            using Scalar slope = -share;
            partition.Mean.add_(BlockProducts.Sum(z1.detach(), z2.detach()), slope);
            if (training)
            {
                gradients[0].add_(z2.detach(), slope);
                gradients[1].add_(z1.detach(), slope);
            }
        }
        return KnownGradient.Attach(partition.Mean, [z1, z2], [Wanted(z1, 0), Wanted(z2, 1)]).MoveToOuterDisposeScope();

        Tensor? Wanted(Tensor z, int view) => training && z.requires_grad ? gradients[view] : null;
    }

    /// <summary>The loss of the rows that this rank holds against the keys of the logical batch.</summary>
    /// <param name="z1">This rank's first views, [n, D].</param>
    /// <param name="z2">This rank's second views, [n, D].</param>
    /// <param name="keys1">All first views, [N, D]; rows offset .. offset + n - 1 are this rank's. Gradient flows where they carry one.</param>
    /// <param name="keys2">All second views, [N, D].</param>
    /// <param name="offset">First row of this rank.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean over this rank's 2n rows.</returns>
    internal static Tensor Forward(Tensor z1, Tensor z2, Tensor keys1, Tensor keys2, long offset, double temperature)
    {
        LossArguments.RequireSameShape(z1, z2);
        LossArguments.RequireSameShape(keys1, keys2);
        using var scope = NewDisposeScope();
        using Scalar sharpness = 1 / temperature;
        long rows = z1.size(0), all = keys1.size(0);
        var anchors = cat([z1, z2]);                                        // [2n, D]
        var keys = ReferenceEquals(z1, keys1) ? anchors : cat([keys1, keys2]); // [2N, D]
        // Row a of the first views is key offset + a, of the second N + offset + a; its positive is the other of the two.
        var partners = cat([keys2.narrow(0, offset, rows), keys1.narrow(0, offset, rows)]); // [2n, D]
        var positives = anchors.mul(partners).sum(1).mean().mul(sharpness);
        var denominator = MeanLogPartition.Of(anchors, keys, temperature, new OwnKeys(0, offset, rows), new OwnKeys(rows, all + offset, rows));
        return denominator.sub(positives).MoveToOuterDisposeScope();
    }
}
