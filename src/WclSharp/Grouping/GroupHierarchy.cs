using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Neighbors;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Grouping;

/// <summary>
/// Groups of alike images, coarser from level to level: the components of the graph in which every image points to its nearest (WCL's weak labels, paper section 3.2, on the whole
/// set), then the components of the groups' means, until few are left. The method is FINCH (Sarfraz, Sharma, Stiefelhagen, CVPR 2019); it has no parameters.
/// </summary>
internal static class GroupHierarchy
{
    /// <summary>Finds the levels.</summary>
    /// <param name="features">[N, F] float32, rows of unit length; N is 2 or more. Not owned.</param>
    /// <param name="nearest">[N] int64, the nearest row of every row, another than itself. Not owned.</param>
    /// <param name="progress">Told how many groups of a level were looked at, and how many there are; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>Group of each row, numbered from 0 by size, largest first; the finest level first. The last level has 2 groups or more, unless the first has one.</returns>
    public static IReadOnlyList<int[]> Of(Tensor features, Tensor nearest, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        List<int[]> levels = [];
        int[] current = [.. Enumerable.Range(0, (int)features.size(0))];
        int count = current.Length;
        while (count > 2)
        {
            using var joined = levels.Count == 0 ? ImageGroups.OfNearest(nearest, BankPairs.Components) : OfMeans(features, current, count, progress, cancellation);
            long[] group = joined.data<long>().ToArray();
            int[] next = BySize(Array.ConvertAll(current, c => (int)group[c]));
            int left = next.Max() + 1;
            if (left == 1 && levels.Count > 0) break; // everything together says nothing
            levels.Add(next);
            (current, count) = (next, left);
        }

        return levels.Count > 0 ? levels : [BySize(current)];
    }

    private static Tensor OfMeans(Tensor features, int[] groups, int count, Action<long, long>? progress, CancellationToken cancellation)
    {
        using var means = Means(features, groups, count);
        using var nearest = NearestImages.Among(means, 1, progress, cancellation);
        return ImageGroups.OfNearest(nearest.reshape(-1), BankPairs.Components);
    }

    /// <summary>Joins the two groups whose means are most alike, again and again, until so many are left.</summary>
    /// <param name="features">[N, F] float32, rows of unit length. Not owned.</param>
    /// <param name="groups">Group of each row, from 0.</param>
    /// <param name="wanted">1 to the number of groups.</param>
    /// <param name="progress">Told the steps that are done and all of them; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>Group of each row, numbered by size.</returns>
    public static int[] Merge(Tensor features, int[] groups, int wanted, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        int count = groups.Max() + 1;
        if (wanted < 1 || wanted > count) throw new ArgumentException($"{count} groups cannot be joined into {wanted}.", nameof(wanted));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var sums = Sums(features, groups, count);                              // [K, F]
        var means = nn.functional.normalize(sums);                             // [K, F]
        int[] into = [.. Enumerable.Range(0, count)], nearest = new int[count];
        var alike = new float[count];
        // Each group is looked at once, before any are joined.
        for (int i = 0; i < count; i++)
        {
            Step(i);
            Look(i);
        }

        for (int left = count; left > wanted; left--)
        {
            Step(2 * count - left);
            int a = Left().MaxBy(i => alike[i]), b = nearest[a];
            into[b] = a;
            using (NewDisposeScope())
            {
                var joined = sums[a].add_(sums[b]);
                means[a].copy_(nn.functional.normalize(joined, dim: 0));
            }

            // Others that are now most alike to the joined group need not know: it knows them.
            Look(a);
            foreach (int i in Left().Where(i => i != a && (nearest[i] == a || nearest[i] == b))) Look(i);
        }

        return BySize(Array.ConvertAll(groups, Root));

        void Step(int done)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Invoke(done + 1, 2 * count - wanted);
        }

        IEnumerable<int> Left() => Enumerable.Range(0, count).Where(i => into[i] == i);

        int Root(int group)
        {
            while (into[group] != group) group = into[group];
            return group;
        }

        // Finds the group that is most like another.
        void Look(int i)
        {
            using var look = NewDisposeScope();
            float[] cosines = means.mv(means[i]).cpu().data<float>().ToArray(); // [K]
            (nearest[i], alike[i]) = (-1, float.NegativeInfinity);
            foreach (int j in Left())
                if (j != i && cosines[j] > alike[i]) (nearest[i], alike[i]) = (j, cosines[j]);
        }
    }

    /// <summary>Means of groups, of unit length, [K, F]. The caller owns them.</summary>
    public static Tensor Means(Tensor features, int[] groups, int count)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return nn.functional.normalize(Sums(features, groups, count)).MoveToOuterDisposeScope();
    }

    private static Tensor Sums(Tensor features, int[] groups, int count)
    {
        using Scalar one = 1;
        var index = tensor(Array.ConvertAll(groups, g => (long)g), device: features.device);
        return zeros([count, features.size(1)], device: features.device).index_add_(0, index, features, one);
    }

    /// <summary>Numbers groups from 0, the largest first; of equal ones that with the first image.</summary>
    private static int[] BySize(int[] groups)
    {
        var number = groups.Index().GroupBy(pair => pair.Item).OrderByDescending(group => group.Count()).ThenBy(group => group.First().Index)
            .Select((group, i) => (group.Key, i)).ToDictionary(pair => pair.Key, pair => pair.i);
        return Array.ConvertAll(groups, group => number[group]);
    }
}
