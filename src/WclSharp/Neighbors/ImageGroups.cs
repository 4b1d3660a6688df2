using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Neighbors;

/// <summary>
/// Groups of like images over a whole data set: WCL's weak labels (paper, section 3.2), but of the graph in which every image is
/// joined to its nearest among all images instead of the nearest in its batch.
/// </summary>
internal static class ImageGroups
{
    /// <summary>Finds the groups.</summary>
    /// <param name="features">[N, F] floating point, rows of unit length; N is 2 or more. No gradient flows.</param>
    /// <param name="pairs">Whether a group is a component of the graph or two images that are each other's nearest.</param>
    /// <param name="progress">Told the tiles of the search that are done and all of them.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>[N] int64 on the CPU: an image of the group, the same for all its members. An image without a partner is its own. The caller owns it.</returns>
    public static Tensor Of(Tensor features, BankPairs pairs, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var nearest = NearestRows.Among(features, 1, progress, cancellation).reshape(-1); // [N]
        return OfNearest(nearest, pairs).MoveToOuterDisposeScope();
    }

    /// <summary>The same from the nearest images at hand.</summary>
    /// <param name="nearest">[N] int64, another row for every row. Not owned.</param>
    /// <param name="pairs">As for <see cref="Of"/>.</param>
    /// <returns>As of <see cref="Of"/>.</returns>
    public static Tensor OfNearest(Tensor nearest, BankPairs pairs)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var groups = pairs == BankPairs.Mutual ? MutualPairs(nearest) : ConnectedComponents.LabelOfChecked(nearest);
        return groups.cpu().MoveToOuterDisposeScope();
    }

    /// <summary>The lower of two nodes that point to each other; a node's own number where it is not pointed back to.</summary>
    private static Tensor MutualPairs(Tensor nearest)
    {
        var nodes = ConnectedComponents.Nodes(nearest.size(0), nearest.device);
        var mutual = nearest.index_select(0, nearest).eq(nodes);
        return where(mutual, minimum(nodes, nearest), nodes);
    }
}
