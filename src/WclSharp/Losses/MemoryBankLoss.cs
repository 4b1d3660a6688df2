using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// Instance discrimination against a bank f of one embedding for each of n images (Wu et al. 2018, sections 3.1 and 3.2). With i the image of row z,
/// <code>
/// Softmax: L = mean -log( exp(z . f_i / t) / sum_j exp(z . f_j / t) )
/// NCE:     L = mean ( -log h(f_i) - sum_{m negatives f'} log(1 - h(f')) ),   h(f) = P(f) / (P(f) + m/n),   P(f) = exp(z . f / t) / Z
/// </code>
/// </summary>
/// <remarks>
/// log h and log(1 - h) are log-sigmoids of +-( z . f / t - log Z - log(m/n) ), which neither overflows nor rounds to log 0. No gradient flows
/// into the bank or Z.
/// </remarks>
internal static class MemoryBankLoss
{
    /// <summary>The full softmax over the bank.</summary>
    /// <param name="z">Projections, [N, D] floating point, rows of unit length.</param>
    /// <param name="bank">[n, D], rows of unit length.</param>
    /// <param name="own">[N] int64: each row's own row of the bank.</param>
    /// <param name="temperature">Softmax temperature t, above zero.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">A shape is wrong; the message shows it.</exception>
    public static Tensor Softmax(Tensor z, Tensor bank, Tensor own, double temperature)
    {
        RequireWidth(z, bank);
        if (own.dim() != 1 || own.size(0) != z.size(0))
            throw new ArgumentException($"{z.size(0)} rows need their places in the bank as [{z.size(0)}], not {ShapeText.Of(own)}.", nameof(own));
        using var scope = NewDisposeScope();
        using Scalar sharpness = 1 / temperature;
        var positives = z.mul(sharpness).mul(bank.index_select(0, own)).sum(1); // [N]
        return MeanLogPartition.Of(z, bank, temperature).sub(positives.mean()).MoveToOuterDisposeScope(); // in tiles: [N, n] may be more than fits
    }

    /// <summary>Noise-contrastive estimation with negatives that all rows share.</summary>
    /// <param name="z">Projections, [N, D] floating point, rows of unit length.</param>
    /// <param name="own">Each row's own row of the bank, [N, D].</param>
    /// <param name="negatives">m rows of the bank, [m, D], drawn uniformly.</param>
    /// <param name="logNormaliser">log Z, [1].</param>
    /// <param name="images">n, rows of the whole bank.</param>
    /// <param name="temperature">Softmax temperature t, above zero.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">A shape is wrong; the message shows it.</exception>
    public static Tensor Nce(Tensor z, Tensor own, Tensor negatives, Tensor logNormaliser, long images, double temperature)
    {
        LossArguments.RequireSameShape(z, own);
        RequireWidth(z, negatives);
        using var scope = NewDisposeScope();
        var (positive, negative) = Logits(z, own, negatives, temperature);
        using Scalar odds = Math.Log((double)negatives.size(0) / images), one = 1;
        var shift = logNormaliser.detach().add(odds, one);                  // [1]; a copy: the caller may change Z before backward
        var own1 = nn.functional.logsigmoid(positive.sub(shift));           // [N], log h
        var others = nn.functional.logsigmoid(negative.sub(shift).neg());   // [N, m], log(1 - h)
        return own1.add(others.sum(1), one).mean().neg().MoveToOuterDisposeScope();
    }

    /// <summary>log Z estimated from a batch: n times the mean of exp(z . f / t) over each row's own row and the negatives.</summary>
    /// <param name="z">As for <see cref="Nce"/>.</param>
    /// <param name="own">As for <see cref="Nce"/>.</param>
    /// <param name="negatives">As for <see cref="Nce"/>.</param>
    /// <param name="images">n, rows of the whole bank.</param>
    /// <param name="temperature">Softmax temperature t, above zero.</param>
    /// <returns>[1], no gradient; the caller owns it.</returns>
    public static Tensor LogNormaliser(Tensor z, Tensor own, Tensor negatives, long images, double temperature)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (positive, negative) = Logits(z, own, negatives, temperature);
        var all = cat([positive, negative.flatten()]);                      // [N + N m]
        using Scalar scale = Math.Log((double)images / all.size(0)), one = 1;
        return all.logsumexp(0L, keepdim: true).add(scale, one).MoveToOuterDisposeScope();
    }

    private static (Tensor Positive, Tensor Negative) Logits(Tensor z, Tensor own, Tensor negatives, double temperature)
    {
        using Scalar sharpness = 1 / temperature;
        var sharpened = z.mul(sharpness);                                   // [N, D]
        return (sharpened.mul(own).sum(1), sharpened.mm(negatives.T));      // [N], [N, m]
    }

    private static void RequireWidth(Tensor z, Tensor rows)
    {
        if (z.dim() != 2 || rows.dim() != 2 || z.size(1) != rows.size(1))
            throw new ArgumentException($"Projections {ShapeText.Of(z)} and rows of the bank {ShapeText.Of(rows)} need the same width.");
    }
}
