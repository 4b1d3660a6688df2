using TorchSharp;
using WclSharp.Grouping;
using static TorchSharp.torch;

namespace WclSharp.Suggestions;

/// <summary>An image that is worth labelling.</summary>
/// <param name="Row">Its row of the features.</param>
/// <param name="GroupSize">Images of its cluster, itself among them.</param>
internal readonly record struct TypicalImage(int Row, int GroupSize);

/// <summary>
/// Images that are worth labelling first: as many clusters as there will be labels, and of each the image that lies where its cluster is densest
/// (TypiClust; Hacohen, Dekel and Weinshall, ICML 2022). Few labels go furthest on what is typical and diverse, not on what is uncertain.
/// </summary>
internal static class TypicalImages
{
    /// <summary>Images that an image's density is measured by.</summary>
    private const int Neighbours = 20;

    /// <summary>Clusters at most, as in the paper: smaller ones say little.</summary>
    private const int MostClusters = 500;

    private const int LargestTable = 2048; // of a larger cluster only the images nearest its centre are candidates

    /// <summary>Chooses.</summary>
    /// <param name="features">[M, F] float32, rows of unit length. Not owned.</param>
    /// <param name="labelled">Rows that have a label already; their clusters come last.</param>
    /// <param name="count">How many to choose, at most as many as have no label.</param>
    /// <param name="seed">Seed of the clusters.</param>
    /// <param name="progress">Told how far the clustering is; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>The images as they were chosen: of clusters with fewest labels first, of the largest of these first.</returns>
    public static List<TypicalImage> Choose(Tensor features, IReadOnlyCollection<int> labelled, int count, long seed, Action<int, int>? progress, CancellationToken cancellation)
    {
        int rows = (int)features.size(0), clusters = Math.Min(rows, Math.Max(1, Math.Min(labelled.Count + count, MostClusters)));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (cluster, centres) = KMeans.Of(features, clusters, seed, progress, cancellation);
        var members = new List<int>[clusters];
        for (int c = 0; c < clusters; c++) members[c] = [];
        for (int i = 0; i < rows; i++) members[cluster[i]].Add(i);
        var taken = new HashSet<int>(labelled);
        var known = new int[clusters];
        foreach (int row in labelled) known[cluster[row]]++;

        List<TypicalImage> chosen = [];
        while (chosen.Count < count)
        {
            cancellation.ThrowIfCancellationRequested();
            int best = Enumerable.Range(0, clusters).Where(c => members[c].Exists(row => !taken.Contains(row))).DefaultIfEmpty(-1)
                .OrderBy(c => c < 0 ? 0 : known[c]).ThenByDescending(c => c < 0 ? 0 : members[c].Count).First();
            if (best < 0) break;
            int row = MostTypical(features, centres[best], members[best], taken);
            chosen.Add(new(row, members[best].Count));
            taken.Add(row);
            known[best]++;
        }

        return chosen;
    }

    /// <summary>Of the rows of a cluster that are not taken, the one that is most alike its nearest twenty.</summary>
    private static int MostTypical(Tensor features, Tensor centre, List<int> members, HashSet<int> taken)
    {
        using var scope = NewDisposeScope();
        var rows = tensor(members.ConvertAll(row => (long)row).ToArray(), device: features.device);
        var own = features.index_select(0, rows);                                                     // [n, F]
        if (members.Count > LargestTable)
        {
            rows = rows.index_select(0, own.mv(centre).topk(LargestTable).indexes);
            own = features.index_select(0, rows);
        }

        long nearest = Math.Min(Neighbours + 1, rows.size(0));                                       // itself is one of them
        float[] density = own.mm(own.T).topk((int)nearest, 1).values.mean([1L]).cpu().data<float>().ToArray();
        long[] names = rows.cpu().data<long>().ToArray();
        int best = -1;
        for (int i = 0; i < names.Length; i++)
            if (!taken.Contains((int)names[i]) && (best < 0 || density[i] > density[best])) best = i;
        return best >= 0 ? (int)names[best] : members.Find(row => !taken.Contains(row)); // all candidates of a large cluster are taken
    }
}
