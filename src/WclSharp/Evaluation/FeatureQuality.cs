using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Measures of a feature space that need no labels: whether it has collapsed, how near views of an image lie, and how evenly all images.</summary>
public static class FeatureQuality
{
    private const double LengthTolerance = 0.02; // bfloat16's rounding of a row is far below

    private static readonly Scalar One = 1, Four = 4; // made once: CONTRIBUTING, Numbers

    /// <summary>
    /// Effective rank (Roy and Vetterli 2007): exp of the entropy of the singular values, normalised to sum 1, of the
    /// centred features. 1 where every image has the same feature or they lie on a line; at most min(M, F).
    /// </summary>
    /// <param name="features">[M, F] floating point, finite; M and F are 1 or more. Not normalised by this.</param>
    /// <returns>1 to min(M, F).</returns>
    /// <exception cref="ArgumentException">They have another form, or are not finite.</exception>
    public static double EffectiveRank(Tensor features)
    {
        RequireRows(features, 1, nameof(features));
        using (NewDisposeScope())
            if (!features.isfinite().all().item<bool>()) throw new ArgumentException("Features are not finite, so they have no rank.", nameof(features));
        return RankOf(features);
    }

    /// <summary>Alignment (Wang and Isola 2020, equation 1, exponent 2): the mean squared distance of the two views of an image.</summary>
    /// <param name="first">Features of one view of each image, [N, D] floating point, rows of unit length; N is 1 or more.</param>
    /// <param name="second">Features of another view of the same images, likewise.</param>
    /// <returns>0 to 4, the smaller the nearer.</returns>
    /// <exception cref="ArgumentException">Shapes or types differ or have another form, or a row is not of unit length.</exception>
    public static double Alignment(Tensor first, Tensor second)
    {
        RequireUnitRows(first, 1, nameof(first));
        RequireUnitRows(second, 1, nameof(second));
        if (!first.shape.AsSpan().SequenceEqual(second.shape) || first.dtype != second.dtype)
            throw new ArgumentException($"Both views need the same shape and type, not {ShapeText.Of(first)} {first.dtype} and {ShapeText.Of(second)} {second.dtype}.", nameof(second));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return AlignmentOf(Unit(first), Unit(second)).to(ScalarType.Float64).item<double>();
    }

    /// <summary>Uniformity (Wang and Isola 2020, equation 2, t = 2): log of the mean of exp(-2 |a - b|^2) over pairs of different images. In tiles: memory grows with N and not with its square.</summary>
    /// <param name="features">Features, [N, D] floating point, rows of unit length; N is 2 or more.</param>
    /// <returns>-8 to 0, the smaller the more evenly they are spread; 0 where all are the same.</returns>
    /// <exception cref="ArgumentException">They have another form, or a row is not of unit length.</exception>
    public static double Uniformity(Tensor features)
    {
        RequireUnitRows(features, 2, nameof(features));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return UniformityOf(Unit(features)).item<double>();
    }

    /// <summary>Effective rank of features that are known to have the form.</summary>
    internal static double RankOf(Tensor features)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var x = features.to(ScalarType.Float64);
        x = x.sub(x.mean([0], keepdim: true));
        // Singular values from the F x F scatter: M may be large.
        var values = linalg.eigvalsh(x.T.mm(x).cpu()).clamp(min: 0).sqrt().data<double>().ToArray();
        double sum = values.Sum();
        if (sum <= 1e-12) return 1;
        return Math.Exp(-values.Where(v => v > 0).Sum(v => v / sum * Math.Log(v / sum)));
    }

    /// <summary>Alignment on the device; [].</summary>
    internal static Tensor AlignmentOf(Tensor z1, Tensor z2)
    {
        var apart = z1.sub(z2);                                                      // [N, D]
        return apart.mul(apart).sum(1).mean();
    }

    /// <summary>Uniformity on the device; [] float64.</summary>
    internal static Tensor UniformityOf(Tensor z1)
    {
        long n = z1.size(0);
        var sum = zeros([], ScalarType.Float64, z1.device);
        foreach (var (start, rows) in RowTiles.Of(n, n, z1.dtype, z1.device))
        {
            using var tile = NewDisposeScope();
            // The squared distance of unit vectors is 2 - 2 cos.
            sum.add_(z1.narrow(0, start, rows).mm(z1.T).sub_(One).mul_(Four).exp_().sum().to(ScalarType.Float64), One); // [T, N]
        }

        using Scalar same = n, different = (double)n * (n - 1);
        return sum.sub(same).div(different).log();
    }

    /// <summary>Rows whose length is 1 but for rounding, brought to it: a pair of a row with itself is taken off as exactly 1.</summary>
    private static Tensor Unit(Tensor rows) => nn.functional.normalize(rows.dtype == ScalarType.Float64 ? rows : rows.to(ScalarType.Float32));

    private static void RequireRows(Tensor rows, long least, string name)
    {
        ArgumentNullException.ThrowIfNull(rows, name);
        if (rows.dim() != 2 || !rows.is_floating_point() || rows.size(0) < least || rows.size(1) < 1)
            throw new ArgumentException($"Features are {ShapeText.Of(rows)} {rows.dtype}; expected [{least} rows or more, width] of floating point.", name);
    }

    private static void RequireUnitRows(Tensor rows, long least, string name)
    {
        RequireRows(rows, least, name);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var lengths = rows.to(ScalarType.Float32).square().sum(1).sqrt(); // [N]
        var wrong = lengths.sub(One).abs().le(LengthTolerance).logical_not(); // a length that is no number too
        if (!wrong.any().item<bool>()) return;
        long row = wrong.nonzero()[0, 0].item<long>();
        throw new ArgumentException(FormattableString.Invariant($"Row {row} has length {lengths[row].item<float>():0.###}; bring all to unit length first (nn.functional.normalize)."), name);
    }
}
