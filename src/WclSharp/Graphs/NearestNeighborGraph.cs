using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Graphs;

/// <summary>The nearest-neighbour graph of a batch: every row is joined to its nearest other row (paper, section 3.2).</summary>
/// <remarks>Every node has an edge, so every connected component has two members or more.</remarks>
internal static class NearestNeighborGraph
{
    private static readonly Scalar Farthest = double.NegativeInfinity; // made once: CONTRIBUTING, Numbers

    /// <summary>Each row's nearest other row by cosine similarity.</summary>
    /// <param name="embeddings">[N, D] floating point, rows of unit length; N is 2 or more. No gradient flows.</param>
    /// <returns>[N] int64, entry i is not i. The caller owns it.</returns>
    /// <exception cref="ArgumentException">They are of another shape or type.</exception>
    public static Tensor Nearest(Tensor embeddings)
    {
        ArgumentNullException.ThrowIfNull(embeddings);
        if (embeddings.dim() != 2 || embeddings.size(0) < 2 || !embeddings.is_floating_point())
            throw new ArgumentException($"A nearest neighbour needs [N, D] embeddings of floating point with N of 2 or more, not {ShapeText.Of(embeddings)} {embeddings.dtype}.", nameof(embeddings));

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var v = embeddings.detach();
        long count = v.size(0);
        var nearest = empty([count], ScalarType.Int64, v.device);
        foreach (var (start, rows) in RowTiles.Of(count, count, v.dtype, v.device))
        {
            using var tile = NewDisposeScope();
            var similarity = v.narrow(0, start, rows).mm(v.T);          // [T, D] x [D, N] -> [T, N], cosine in [-1, 1]
            similarity.narrow(1, start, rows).diagonal().fill_(Farthest); // a row is not its own neighbour
            nearest.narrow(0, start, rows).copy_(similarity.argmax(1));
        }
        return nearest.MoveToOuterDisposeScope();
    }
}
