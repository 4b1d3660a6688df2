using WclSharp.Randomness;

namespace WclSharp.Neighbors;

/// <summary>
/// Which image a local crop is cut from in KNN multi-crop: for crop m of image i, uniformly one of i's K nearest images.
/// </summary>
/// <remarks>
/// The choice is a function of seed, epoch, image and crop alone: neither batches nor threads nor resuming change it. An image without
/// neighbours (before there is a bank, or one that was in no batch yet) is its own source.
/// </remarks>
/// <param name="seed">The run's seed.</param>
/// <param name="neighbors">[N, K] row-major, <see cref="NearestRows.None"/> after an image's last neighbour; empty where there is no bank yet.</param>
/// <param name="k">K.</param>
internal sealed class CropSources(long seed, int[] neighbors, int k)
{
    private readonly CounterRandom random = new(seed, RandomPurpose.CropSource);

    /// <summary>The source of one crop of each image.</summary>
    /// <param name="images">n positions in the data set.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="crop">m, from 0.</param>
    /// <returns>n positions in the data set.</returns>
    public int[] Of(ReadOnlySpan<int> images, int epoch, int crop)
    {
        var sources = new int[images.Length];
        for (int i = 0; i < sources.Length; i++) sources[i] = Of(images[i], epoch, crop);
        return sources;
    }

    /// <summary>How often an image that a crop is cut from is of the class of the one that the crop counts for.</summary>
    /// <param name="images">n positions in the data set.</param>
    /// <param name="sources">The images that a crop of each is cut from, n positions.</param>
    /// <param name="classes">Class of every image of the data set, below 0 where unknown.</param>
    /// <returns>Sources of that class, and all that can be judged: other images than the image itself, both of known class.</returns>
    public static (int Right, int Judged) Agreement(ReadOnlySpan<int> images, ReadOnlySpan<int> sources, ReadOnlySpan<long> classes)
    {
        int right = 0, judged = 0;
        for (int i = 0; i < images.Length; i++)
        {
            var (own, other) = (classes[images[i]], classes[sources[i]]);
            if (sources[i] == images[i] || own < 0 || other < 0) continue;
            judged++;
            if (own == other) right++;
        }
        return (right, judged);
    }

    /// <summary>How often the neighbours' relation goes one way: the pairs (i, j), j among i's nearest, whose i is not among j's, and all pairs. O(N K) look-ups in K values.</summary>
    public (long OneWay, long Related) Relation()
    {
        long oneWay = 0, related = 0;
        for (int i = 0; i < neighbors.Length / k; i++)
        {
            var near = NeighborsOf(i);
            related += near.Length;
            foreach (int j in near) oneWay += NeighborsOf(j).Contains(i) ? 0 : 1;
        }
        return (oneWay, related);
    }

    private ReadOnlySpan<int> NeighborsOf(int image)
    {
        var near = neighbors.AsSpan(image * k, k);
        int absent = near.IndexOf(NearestRows.None);
        return absent >= 0 ? near[..absent] : near;
    }

    private int Of(int image, int epoch, int crop)
    {
        if (neighbors.Length == 0) return image;
        var candidates = NeighborsOf(image);
        if (candidates.IsEmpty) return image;
        var (high, low, _, _) = random.Words((uint)epoch, (uint)image, (uint)crop, 0);
        return candidates[(int)Math.BigMul((ulong)high << 32 | low, (ulong)candidates.Length, out _)]; // even to 2^-61
    }
}
