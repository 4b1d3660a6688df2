using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Signals of a collapsed feature space, which need no labels.</summary>
internal static class FeatureQuality
{
    /// <summary>
    /// Effective rank (Roy and Vetterli 2007): exp of the entropy of the singular values, normalised to sum 1, of the
    /// centred features. 1 where every image has the same feature or they lie on a line; at most min(M, F).
    /// </summary>
    /// <param name="features">[M, F] float32.</param>
    public static double EffectiveRank(Tensor features)
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
}
