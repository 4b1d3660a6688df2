using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Grouping;

/// <summary>Who is in which group, and how typical of it.</summary>
/// <param name="GroupOf">Group of each image, numbered by size.</param>
/// <param name="Typical">Cosine of each image's features to its group's mean, -1 to 1.</param>
internal sealed record GroupMembers(int[] GroupOf, float[] Typical)
{
    /// <summary>Images of every group, most typical first: the first is the group's medoid by cosine to its mean.</summary>
    public IReadOnlyList<int[]> Rows { get; } =
        [.. GroupOf.Index().GroupBy(pair => pair.Item, pair => pair.Index).OrderBy(part => part.Key).Select(part => part.OrderByDescending(row => Typical[row]).ThenBy(row => row).ToArray())];

    /// <param name="features">[N, F] float32, rows of unit length. Not owned.</param>
    /// <param name="groupOf">Group of each row, from 0.</param>
    public static GroupMembers Of(Tensor features, int[] groupOf)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var means = GroupHierarchy.Means(features, groupOf, groupOf.Max() + 1);
        var index = tensor(Array.ConvertAll(groupOf, g => (long)g), device: features.device);
        var typical = empty([features.size(0)], device: features.device);
        foreach (var (start, count) in RowTiles.Of(features.size(0), features.size(1), features.dtype, features.device))
        {
            using var tile = NewDisposeScope();
            var own = means.index_select(0, index.narrow(0, start, count)); // [t, F]
            typical.narrow(0, start, count).copy_(own.mul(features.narrow(0, start, count)).sum([1L]));
        }

        return new(groupOf, typical.cpu().data<float>().ToArray());
    }
}
