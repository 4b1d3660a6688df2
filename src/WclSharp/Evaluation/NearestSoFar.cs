using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>The nearest rows of a few queries by cosine similarity, while the rows come in blocks: never all of them in memory.</summary>
/// <param name="queries">[Q, F] float32, rows of unit length. Not owned.</param>
/// <param name="most">Nearest rows that are kept of each query.</param>
internal sealed class NearestSoFar(Tensor queries, int most) : IDisposable
{
    private Tensor? cosines; // [Q, K], K up to most, descending
    private Tensor? places;  // [Q, K] int64

    /// <summary>Takes a block in.</summary>
    /// <param name="rows">[n, F] float32, rows of unit length, on the queries' device.</param>
    /// <param name="first">Place of the first of them among all rows.</param>
    public void Add(Tensor rows, int first)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var similarity = queries.mm(rows.T);                                // [Q, F] x [F, n] -> [Q, n]
        var (best, index) = similarity.topk((int)Math.Min(most, rows.size(0)), 1);
        using Scalar start = first;
        var found = index.add(start);
        if (cosines is not null)
        {
            (best, var kept) = cat([cosines, best], 1).topk((int)Math.Min(most, cosines.size(1) + best.size(1)), 1);
            found = cat([places!, found], 1).gather(1, kept);
        }
        Dispose();
        (cosines, places) = (best.DetachFromDisposeScope(), found.DetachFromDisposeScope());
    }

    /// <summary>Places and cosines of each query's nearest rows, nearest first.</summary>
    public (int[] Index, float[] Cosine)[] Result()
    {
        using var scope = NewDisposeScope();
        if (cosines is null) return [.. Enumerable.Range(0, (int)queries.size(0)).Select(_ => (Array.Empty<int>(), Array.Empty<float>()))];
        int columns = (int)cosines.size(1);
        var index = places!.cpu().data<long>().ToArray();
        var cosine = cosines.cpu().data<float>().ToArray();
        return [.. Enumerable.Range(0, (int)queries.size(0)).Select(q => (Array.ConvertAll(index[(q * columns)..((q + 1) * columns)], i => (int)i), cosine[(q * columns)..((q + 1) * columns)]))];
    }

    public void Dispose()
    {
        cosines?.Dispose();
        places?.Dispose();
    }
}
