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

    private int Of(int image, int epoch, int crop)
    {
        if (neighbors.Length == 0) return image;
        var candidates = neighbors.AsSpan(image * k, k);
        int absent = candidates.IndexOf(NearestRows.None);
        if (absent >= 0) candidates = candidates[..absent];
        if (candidates.IsEmpty) return image;
        var (high, low, _, _) = random.Words((uint)epoch, (uint)image, (uint)crop, 0);
        return candidates[(int)Math.BigMul((ulong)high << 32 | low, (ulong)candidates.Length, out _)]; // even to 2^-61
    }
}
