using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Grouping;

/// <summary>
/// k-means of vectors of unit length by cosine: k-means++ seeding (Arthur and Vassilvitskii 2007), then assignment to the nearest centre and its renewal in turn
/// until nothing moves. Products are taken in tiles, so that memory grows with the rows.
/// </summary>
internal static class KMeans
{
    private const int MostRounds = 50;
    private const double Farthest = 3; // more than half the squared distance of two vectors of unit length
    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers

    /// <summary>Divides rows into clusters.</summary>
    /// <param name="rows">[M, F] float32, rows of unit length. Not owned.</param>
    /// <param name="clusters">K, 1 to M.</param>
    /// <param name="seed">Seed of the first centres.</param>
    /// <param name="progress">Told how much is done, and of how much at most; may be null.</param>
    /// <param name="cancellation">Stops between rounds.</param>
    /// <returns>Cluster of each row, and the centres, [K, F] of unit length, which the caller owns.</returns>
    public static (int[] Clusters, Tensor Centres) Of(Tensor rows, int clusters, long seed, Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        long count = rows.size(0);
        if (clusters < 1 || clusters > count) throw new ArgumentException($"{count} rows cannot be divided into {clusters} clusters.", nameof(clusters));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        // Counted in products of all rows with a few centres: each first centre is one, a round as many as all of them.
        int trials = Trials(clusters), roundWork = (clusters + trials - 1) / trials, all = clusters + MostRounds * roundWork;
        var centres = FirstCentres(rows, clusters, new CounterRandom(seed, RandomPurpose.Clusters), done => progress?.Invoke(done, all), cancellation);
        long[] nearest = [];
        for (int round = 0; round < MostRounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var roundScope = NewDisposeScope();
            var assigned = Nearest(rows, centres);                                       // [M]
            long[] now = assigned.cpu().data<long>().ToArray();
            progress?.Invoke(clusters + (round + 1) * roundWork, all);
            if (now.AsSpan().SequenceEqual(nearest)) break;
            nearest = now;
            var sums = zeros_like(centres).index_add_(0, assigned, rows, One);           // [K, F]
            var empty = sums.abs().sum(1, keepdim: true).eq(0);                          // an empty cluster keeps its centre
            centres.copy_(where(empty, centres, nn.functional.normalize(sums)));
        }

        progress?.Invoke(all, all);
        return (Array.ConvertAll(nearest, c => (int)c), centres.MoveToOuterDisposeScope());
    }

    private static Tensor Nearest(Tensor rows, Tensor centres)
    {
        var nearest = empty([rows.size(0)], ScalarType.Int64, rows.device);
        foreach (var (start, count) in RowTiles.Of(rows.size(0), centres.size(0), rows.dtype, rows.device))
        {
            using var tile = NewDisposeScope();
            nearest.narrow(0, start, count).copy_(rows.narrow(0, start, count).mm(centres.T).argmax(1));
        }

        return nearest;
    }

    /// <summary>
    /// Rows drawn one after another, each with a probability that grows with its squared distance from those chosen; of a few drawn the one that leaves the
    /// least distance is chosen.
    /// </summary>
    private static Tensor FirstCentres(Tensor rows, int clusters, CounterRandom random, Action<int> progress, CancellationToken cancellation)
    {
        int trials = Trials(clusters);
        var chosen = new long[clusters];
        var apart = new double[rows.size(0)]; // half the squared distance of each row from the nearest centre
        Array.Fill(apart, Farthest);
        for (int k = 0; k < clusters; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            long[] drawn = [.. Enumerable.Range(0, k == 0 ? 1 : trials).Select(trial => Draw(apart, Share(random.Words(0, (uint)k, (uint)trial, 0))))];
            var cosines = rows.mm(rows.index_select(0, tensor(drawn, device: rows.device)).T).T.contiguous(); // [trials, M]
            float[] all = cosines.cpu().data<float>().ToArray();
            var left = new double[drawn.Length];
            Parallel.For(0, drawn.Length, trial => left[trial] = Left(all.AsSpan(trial * apart.Length, apart.Length), apart));
            int best = Array.IndexOf(left, left.Min());
            chosen[k] = drawn[best];
            for (int i = 0; i < apart.Length; i++) apart[i] = Closer(all[best * apart.Length + i], apart[i]);
            apart[chosen[k]] = 0;
            progress(k + 1);
        }

        using var index = tensor(chosen, device: rows.device);
        return rows.index_select(0, index);
    }

    private static int Trials(int clusters) => 2 + (int)Math.Log(clusters);

    /// <summary>The sum of the distances with one centre more.</summary>
    private static double Left(ReadOnlySpan<float> cosines, double[] apart)
    {
        double sum = 0;
        for (int i = 0; i < apart.Length; i++) sum += Closer(cosines[i], apart[i]);
        return sum;
    }

    private static double Closer(float cosine, double apart) => Math.Max(0, Math.Min(apart, 1 - cosine));

    private static double Share((uint High, uint Low, uint, uint) words) => ((ulong)words.High << 32 | words.Low) * Math.Pow(2, -64);

    /// <summary>A place, each with a probability in proportion to its weight; the first without weight where none has any.</summary>
    private static long Draw(double[] weights, double share)
    {
        double left = share * weights.Sum();
        int last = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] <= 0) continue;
            last = i;
            if ((left -= weights[i]) < 0) return i;
        }

        return last;
    }
}
