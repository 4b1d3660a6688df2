using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Neighbors;
using static TorchSharp.torch;

namespace WclSharp.Grouping;

/// <summary>
/// The nearest rows of every row as float32 has them. <see cref="NearestRows"/> ranks rounded rows, whose cosines are off by some 1e-4; a few more than are asked for are ranked again. Where more rows than these are alike to within that, the nearest may be another of them.
/// </summary>
internal static class NearestImages
{
    private const int Spare = 8;

    /// <summary>Finds them.</summary>
    /// <param name="features">[N, F] float32, rows of unit length; N is 2 or more. Not owned.</param>
    /// <param name="k">K, 1 to N - 1.</param>
    /// <param name="progress">Told the tiles that are done and all of them; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>[N, K] int64, nearest first, never the row itself; of equal cosines the lower row. The caller owns it.</returns>
    public static Tensor Among(Tensor features, int k, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int candidates = (int)Math.Min(k + Spare, features.size(0) - 1);
        var (found, _) = NearestRows.Among(features, candidates, progress, cancellation).sort(1);                // of equal ones the lower row comes first
        var (_, order) = Cosines(features, found).sort(1, descending: true, stable: true);                       // [N, k + spare]
        return found.gather(1, order.narrow(1, 0, k)).MoveToOuterDisposeScope();
    }

    /// <summary>Cosines of rows with others, [N, F] and [N, k] to [N, k], some rows at a time. The caller owns them.</summary>
    public static Tensor Cosines(Tensor features, Tensor others)
    {
        var result = empty(others.shape, device: features.device);
        foreach (var (start, count) in RowTiles.Of(features.size(0), others.size(1) * features.size(1), features.dtype, features.device))
        {
            using var tile = NewDisposeScope();
            var theirs = features.index_select(0, others.narrow(0, start, count).reshape(-1)).view(count, others.size(1), -1); // [t, k, F]
            result.narrow(0, start, count).copy_(theirs.mul(features.narrow(0, start, count).unsqueeze(1)).sum([2L]));
        }

        return result;
    }
}
