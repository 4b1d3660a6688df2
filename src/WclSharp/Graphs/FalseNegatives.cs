using TorchSharp;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Graphs;

/// <summary>
/// Rows that are probably no negatives of an image (Huynh et al. 2022): a row's score is its cosine similarity to the image's support, S
/// further views of it, their largest or their mean; the k best rows, or those from a threshold on, are taken.
/// </summary>
/// <remarks>With both k and a threshold a row has to meet both. Both views of an image have the same set, since the score is the image's.</remarks>
internal static class FalseNegatives
{
    /// <summary>The set of every row. No gradient flows.</summary>
    /// <param name="support">S tensors [N, D], rows of unit length: instance projections of the further views.</param>
    /// <param name="z1">Projections of the first views, [N, D], rows of unit length.</param>
    /// <param name="z2">Projections of the second views, likewise.</param>
    /// <param name="score">Largest or mean similarity.</param>
    /// <param name="k">Rows at most, 0 to 2N - 2; null is no limit.</param>
    /// <param name="threshold">Least score, -1 to 1; null is none.</param>
    /// <returns>[2N, 2N] bool, false between rows of one image. The caller owns it.</returns>
    public static Tensor Find(IReadOnlyList<Tensor> support, Tensor z1, Tensor z2, SupportScore score, int? k, double? threshold)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var rows = cat([z1.detach(), z2.detach()]);                         // [2N, D]
        var scores = Scores(support, rows, score);                          // [N, 2N]
        NearestSets.ExcludeOwnImage(scores);
        var chosen = k is { } most ? NearestSets.Top(scores, most) : null;
        if (threshold is { } least)
        {
            using Scalar limit = least;
            var close = scores.ge(limit);
            chosen = chosen is null ? close : chosen.logical_and(close);
        }
        if (chosen is null) throw new ArgumentException("False negatives need a number or a threshold.", nameof(k));
        return cat([chosen, chosen]).MoveToOuterDisposeScope();             // [2N, 2N]
    }

    private static Tensor Scores(IReadOnlyList<Tensor> support, Tensor rows, SupportScore score)
    {
        if (score == SupportScore.Mean)
        {
            // The mean of cosines is the cosine with the mean, but for its length.
            using var mean = stack(support).mean([0L]);                     // [N, D]
            return mean.mm(rows.T);                                         // [N, D] x [D, 2N] -> [N, 2N]
        }
        var largest = support[0].mm(rows.T);
        for (int s = 1; s < support.Count; s++) largest = maximum(largest, support[s].mm(rows.T));
        return largest;
    }
}
