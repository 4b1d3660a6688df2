using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>
/// The instance loss with a set F(a) of other images' rows that each row a counts as alike (Huynh et al. 2022). With
/// Z = [z1; z2] of 2N rows and p(a) the row of the other view,
/// <code>
/// Eliminate: L = mean_a -log( exp(Z_a . Z_p(a) / t) / sum_{k != a, k not in F(a)} exp(Z_a . Z_k / t) )
/// Attract:   L = mean_a -1/(1 + |F(a)|) sum_{p in F(a) or p = p(a)} log( exp(Z_a . Z_p / t) / sum_{k != a} exp(Z_a . Z_k / t) )
/// </code>
/// </summary>
/// <remarks>With empty sets both are <see cref="InstanceLoss"/>. The gradient flows through both sides of every product, none through the sets.</remarks>
public static class RelationLoss
{
    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers

    /// <summary>Rows of F(a) leave a's denominator.</summary>
    /// <param name="z1">Projections of the first views, [N, D] floating point, rows of unit length; N is 2 or more.</param>
    /// <param name="z2">Projections of the second views, likewise.</param>
    /// <param name="sets">[2N, 2N] bool, true where column b is in F(row a); false between rows of one image, a and b = a, a + N or a - N. Rows 0 .. N - 1 are the first views'.</param>
    /// <param name="temperature">Softmax temperature t, 1e-6 to 1e6.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Shapes, types, sets or temperature are not possible; the message shows them. Values of sets are checked on a CPU alone.</exception>
    public static Tensor Eliminate(Tensor z1, Tensor z2, Tensor sets, double temperature)
    {
        Check(z1, z2, sets, temperature);
        using var scope = NewDisposeScope();
        var (sharpened, logits) = Logits(z1, z2, temperature);
        LossArguments.Mask(logits, sets);
        var positives = sharpened.mul(cat([z2, z1])).sum(1);                // [2N]
        return logits.logsumexp(1).sub(positives).mean().MoveToOuterDisposeScope();
    }

    /// <summary>Rows of F(a) are positives beside a's other view.</summary>
    /// <param name="z1">As for <see cref="Eliminate"/>.</param>
    /// <param name="z2">As for <see cref="Eliminate"/>.</param>
    /// <param name="sets">As for <see cref="Eliminate"/>.</param>
    /// <param name="temperature">As for <see cref="Eliminate"/>.</param>
    /// <returns>Scalar mean loss in nats; the caller owns it.</returns>
    /// <exception cref="ArgumentException">As for <see cref="Eliminate"/>.</exception>
    public static Tensor Attract(Tensor z1, Tensor z2, Tensor sets, double temperature)
    {
        Check(z1, z2, sets, temperature);
        using var scope = NewDisposeScope();
        var (sharpened, logits) = Logits(z1, z2, temperature);
        var members = sets.to(z1.dtype);                                    // [2N, 2N]
        // The mean over positives is linear in the keys: their sum first, [2N, 2N] x [2N, D].
        var keys = members.mm(cat([z1, z2])).add(cat([z2, z1]), One);       // [2N, D]
        var positives = sharpened.mul(keys).sum(1).div(members.sum(1).add_(One, One)); // [2N], mean of Z_a . Z_p / t
        return logits.logsumexp(1).sub(positives).mean().MoveToOuterDisposeScope();
    }

    /// <summary>Z / t, [2N, D], and the cosines over t of all pairs of rows, [2N, 2N], minus infinity on the diagonal.</summary>
    private static (Tensor Sharpened, Tensor Logits) Logits(Tensor z1, Tensor z2, double temperature)
    {
        using Scalar sharpness = 1 / temperature;
        var rows = cat([z1, z2]);                                           // [2N, D]
        var sharpened = rows.mul(sharpness);
        var logits = sharpened.mm(rows.T);                                  // [2N, D] x [D, 2N] -> [2N, 2N]
        LossArguments.MaskSelf(logits);
        return (sharpened, logits);
    }

    private static void Check(Tensor z1, Tensor z2, Tensor sets, double temperature)
    {
        LossArguments.RequireSameShape(z1, z2);
        LossArguments.RequireTemperature(temperature);
        ArgumentNullException.ThrowIfNull(sets);
        long rows = 2 * z1.size(0);
        if (sets.dim() != 2 || sets.size(0) != rows || sets.size(1) != rows || sets.dtype != ScalarType.Bool)
            throw new ArgumentException($"{z1.size(0)} images need sets of shape [{rows}, {rows}] bool, not {ShapeText.Of(sets)} {sets.dtype}.", nameof(sets));
        if (sets.device.type == DeviceType.CPU && HasOwnRows(sets, z1.size(0)))
            throw new ArgumentException($"The sets hold a row itself or the other view of its image; make the diagonal and the two that lie {z1.size(0)} columns to its right and left false.", nameof(sets));
    }

    private static bool HasOwnRows(Tensor sets, long images)
    {
        using var scope = NewDisposeScope();
        return cat([sets.diagonal(), sets.diagonal(images), sets.diagonal(-images)]).any().item<bool>(); // [4N]
    }
}
