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
/// into Z, nor into the bank where it does not require one. The caller keeps the bank: after a step, row i becomes the unit vector of its mean with z, for instance.
/// The gradient of <see cref="Softmax"/> is found with it. The loss by itself goes back as often as asked (<c>retain_graph</c>), without second derivatives: to <c>create_graph</c> its gradient is a constant.
/// </remarks>
public static class MemoryBankLoss
{
    /// <summary>The full softmax over the bank.</summary>
    /// <param name="z">Projections, [N, D] floating point, rows of unit length; N is 1 or more.</param>
    /// <param name="bank">[n, D] of the same type, rows of unit length; n is 1 or more.</param>
    /// <param name="own">[N] int64 in 0 .. n - 1: each row's own row of the bank.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes, types, places or temperature are not possible; the message shows them. Values of places are checked on a CPU alone.</exception>
    public static Tensor Softmax(Tensor z, Tensor bank, Tensor own, double temperature)
    {
        RequireWidth(z, bank);
        LossArguments.RequireTemperature(temperature);
        RequirePlaces(own, z.size(0), bank.size(0));
        using var scope = NewDisposeScope();
        using Scalar sharpness = 1 / temperature;
        var positives = z.mul(sharpness).mul(bank.index_select(0, own)).sum(1); // [N]
        return MeanLogPartition.Of(z, bank, temperature).sub(positives.mean()).MoveToOuterDisposeScope(); // in tiles: [N, n] may be more than fits
    }

    /// <summary>Noise-contrastive estimation with negatives that all rows share.</summary>
    /// <param name="z">Projections, [N, D] floating point, rows of unit length; N is 2 or more.</param>
    /// <param name="own">Each row's own row of the bank, [N, D] of the same type.</param>
    /// <param name="negatives">m rows of the bank, [m, D] of the same type, drawn uniformly; m is 1 or more.</param>
    /// <param name="logNormaliser">log Z, [1] floating point: that of the first batch by <see cref="LogNormaliser"/>, which the authors keep for the whole run.</param>
    /// <param name="images">n, rows of the whole bank, 1 or more.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes, types, the number of images or the temperature are not possible; the message shows them.</exception>
    public static Tensor Nce(Tensor z, Tensor own, Tensor negatives, Tensor logNormaliser, long images, double temperature)
    {
        RequireRows(z, own, negatives, images, temperature);
        ArgumentNullException.ThrowIfNull(logNormaliser);
        if (logNormaliser.dim() != 1 || logNormaliser.size(0) != 1 || !logNormaliser.is_floating_point())
            throw new ArgumentException($"log Z needs the shape [1] and a floating-point type, not {ShapeText.Of(logNormaliser)} {logNormaliser.dtype}.", nameof(logNormaliser));
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
    /// <param name="images">As for <see cref="Nce"/>.</param>
    /// <param name="temperature">As for <see cref="Nce"/>.</param>
    /// <returns>[1], no gradient; the caller owns it.</returns>
    /// <exception cref="ArgumentException">As for <see cref="Nce"/>.</exception>
    public static Tensor LogNormaliser(Tensor z, Tensor own, Tensor negatives, long images, double temperature)
    {
        RequireRows(z, own, negatives, images, temperature);
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

    private static void RequireRows(Tensor z, Tensor own, Tensor negatives, long images, double temperature)
    {
        LossArguments.RequireSameShape(z, own);
        RequireWidth(z, negatives);
        LossArguments.RequireTemperature(temperature);
        ArgumentOutOfRangeException.ThrowIfLessThan(images, 1);
    }

    private static void RequirePlaces(Tensor own, long rows, long images)
    {
        ArgumentNullException.ThrowIfNull(own);
        if (own.dim() != 1 || own.size(0) != rows || own.dtype != ScalarType.Int64)
            throw new ArgumentException($"{rows} rows need their places in the bank as [{rows}], not {ShapeText.Of(own)} {own.dtype}; they are int64.", nameof(own));
        if (own.device.type != DeviceType.CPU) return; // elsewhere reading them would wait for the device
        foreach (long place in LossArguments.Values(own))
            if (place < 0 || place >= images) throw new ArgumentException($"Place {place} is none of 0 to {images - 1}, the bank's rows.", nameof(own));
    }

    private static void RequireWidth(Tensor z, Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(z);
        ArgumentNullException.ThrowIfNull(rows);
        if (z.dim() != 2 || rows.dim() != 2 || z.size(1) != rows.size(1))
            throw new ArgumentException($"Projections {ShapeText.Of(z)} and rows of the bank {ShapeText.Of(rows)} need the same width.");
        if (z.dtype != rows.dtype || !z.is_floating_point()) throw new ArgumentException($"Projections and rows of the bank need the same floating-point type, not {z.dtype} and {rows.dtype}.");
        if (z.size(0) < 1 || rows.size(0) < 1) throw new ArgumentException($"Projections {ShapeText.Of(z)} and rows of the bank {ShapeText.Of(rows)} need 1 row or more each.");
    }
}
