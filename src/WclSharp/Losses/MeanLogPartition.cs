using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>Pairs that leave the sums: anchor <paramref name="Row"/> + i and key <paramref name="Column"/> + i, for i below <paramref name="Count"/>.</summary>
internal readonly record struct OwnKeys(long Row, long Column, long Count);

/// <summary>
/// What every contrastive loss has in common, its denominator: with n anchors a, N keys k and the temperature t,
/// <code>mean_i log sum_j exp(a_i . k_j / t).</code>
/// </summary>
/// <remarks>
/// In tiles of some rows, so that memory grows with N and not with its square. The gradient is found while a tile is there (<see cref="KnownGradient"/>):
/// with p the softmax of a tile's rows, da = p k / (n t) and dk = p' a / (n t). Anchors that are their own keys are
/// cheaper by <see cref="SelfPartition"/>.
/// </remarks>
internal static class MeanLogPartition
{
    private static readonly Scalar Nothing = double.NegativeInfinity, One = 1; // made once: CONTRIBUTING, Numbers

    private sealed record Terms(double Temperature, OwnKeys[] Own, bool AnchorGradient, bool KeyGradient);

    /// <summary>The mean; gradient flows to anchors and keys where they take one.</summary>
    /// <param name="anchors">[n, D] floating point.</param>
    /// <param name="keys">[N, D] of the same type, which may be the anchors.</param>
    /// <param name="temperature">t, above zero.</param>
    /// <param name="own">Pairs that leave the sums; a key must be left to every anchor.</param>
    /// <returns>Scalar in nats; the caller owns it.</returns>
    public static Tensor Of(Tensor anchors, Tensor keys, double temperature, params OwnKeys[] own)
    {
        using var scope = NewDisposeScope();
        bool training = is_grad_enabled();
        var (mean, anchorGradient, keyGradient) = Compute(anchors, keys, new Terms(temperature, own, training && anchors.requires_grad, training && keys.requires_grad));
        return KnownGradient.Attach(mean, [anchors, keys], [anchorGradient, keyGradient]).MoveToOuterDisposeScope();
    }

    private static (Tensor Mean, Tensor? AnchorGradient, Tensor? KeyGradient) Compute(Tensor anchors, Tensor keys, Terms terms)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long rows = anchors.size(0);
        using Scalar sharpness = 1 / terms.Temperature, share = 1.0 / rows, slope = 1 / (terms.Temperature * rows);
        var k = keys.detach();
        var sharpened = anchors.detach().mul(sharpness);                // [n, D]; scaling the products would take another pass over them
        var sum = zeros([], dtype: anchors.dtype, device: anchors.device);
        var anchorGradient = terms.AnchorGradient ? empty_like(sharpened) : null;
        var keyGradient = terms.KeyGradient ? zeros_like(k) : null;
        foreach (var (start, count) in RowTiles.Of(rows, k.size(0), anchors.dtype, anchors.device))
        {
            using var tile = NewDisposeScope();
            var a = sharpened.narrow(0, start, count);                  // [T, D]
            var p = a.mm(k.T);                                          // [T, N]
            foreach (var own in terms.Own) TakeOut(p, start, count, own);
            var largest = p.amax([1], keepdim: true);                   // [T, 1]
            p.sub_(largest).exp_();
            var partition = p.sum([1], keepdim: true);                  // [T, 1]
            sum.add_(partition.log().add_(largest, One).sum(), One);
            anchorGradient?.narrow(0, start, count).copy_(p.mm(k).div_(partition).mul_(slope));
            keyGradient?.add_(p.T.mm(a.div(partition)), share);         // [N, T] x [T, D]
        }

        return (sum.mul_(share).MoveToOuterDisposeScope(), anchorGradient?.MoveToOuterDisposeScope(), keyGradient?.MoveToOuterDisposeScope());
    }

    private static void TakeOut(Tensor tile, long start, long count, OwnKeys own)
    {
        long first = Math.Max(start, own.Row), end = Math.Min(start + count, own.Row + own.Count);
        if (first >= end) return;
        tile.narrow(0, first - start, end - first).narrow(1, own.Column + first - own.Row, end - first).diagonal().fill_(Nothing);
    }
}
