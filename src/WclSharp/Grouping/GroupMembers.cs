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
        var own = means.index_select(0, tensor(Array.ConvertAll(groupOf, g => (long)g), device: features.device)); // [N, F]
        return new(groupOf, own.mul(features).sum([1L]).cpu().data<float>().ToArray());
    }
}
