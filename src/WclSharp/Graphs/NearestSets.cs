using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Graphs;

/// <summary>Sets of the K nearest rows. Unlike components they need not be mutual: a row's nearest may have others nearer.</summary>
internal static class NearestSets
{
    private static readonly Scalar Farthest = double.NegativeInfinity; // made once: CONTRIBUTING, Numbers

    /// <summary>Each row's K nearest rows of other images, by cosine similarity, among both views. No gradient flows.</summary>
    /// <param name="z1">Projections of the first views, [N, D] floating point, rows of unit length.</param>
    /// <param name="z2">Projections of the second views, likewise.</param>
    /// <param name="k">K, 0 to 2N - 2.</param>
    /// <returns>[2N, 2N] bool, K true in each row. The caller owns it.</returns>
    public static Tensor OfOtherImages(Tensor z1, Tensor z2, int k)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var rows = cat([z1.detach(), z2.detach()]);                         // [2N, D]
        var similarity = rows.mm(rows.T);                                   // [2N, D] x [D, 2N] -> [2N, 2N], cosine
        long n = z1.size(0);
        ExcludeOwnImage(similarity.narrow(0, 0, n));
        ExcludeOwnImage(similarity.narrow(0, n, n));
        return Top(similarity, k).MoveToOuterDisposeScope();
    }

    /// <summary>Sets the score of each image with the rows of its own two views to minus infinity, in place.</summary>
    /// <param name="scores">[N, 2N]: images by the rows of both views.</param>
    public static void ExcludeOwnImage(Tensor scores)
    {
        using var scope = NewDisposeScope();
        long n = scores.size(0);
        scores.narrow(1, 0, n).diagonal().fill_(Farthest);
        scores.narrow(1, n, n).diagonal().fill_(Farthest);
    }

    /// <summary>Where each row's k largest scores are.</summary>
    /// <param name="scores">[A, B].</param>
    /// <param name="k">0 to B.</param>
    /// <returns>[A, B] bool. The caller owns it.</returns>
    public static Tensor Top(Tensor scores, int k)
    {
        using var scope = NewDisposeScope();
        var none = zeros(scores.shape, ScalarType.Bool, scores.device);
        if (k == 0) return none.MoveToOuterDisposeScope();
        var (_, places) = scores.topk(k, 1);                                // [A, k]
        return none.scatter_(1, places, ones(places.shape, ScalarType.Bool, scores.device)).MoveToOuterDisposeScope();
    }
}
