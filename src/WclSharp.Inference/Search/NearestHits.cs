namespace WclSharp.Inference;

/// <summary>The K best of many rows, in any order they come: the higher cosine first, of equal ones the lower row.</summary>
/// <param name="k">K, above zero.</param>
internal sealed class NearestHits(int k)
{
    private readonly List<(float Cosine, int Row)> kept = [];
    private float least = float.NegativeInfinity;

    /// <summary>Looks at a row.</summary>
    public void Add(float cosine, int row)
    {
        // Equal ones are kept until they are sorted out: a lower row may come later.
        if (cosine < least) return;
        kept.Add((cosine, row));
        if (kept.Count >= 2L * k && kept.Count >= 64) Shrink();
    }

    /// <summary>Looks at what another one kept.</summary>
    public void AddAll(NearestHits other)
    {
        foreach (var (cosine, row) in other.kept) Add(cosine, row);
    }

    /// <summary>The best, best first.</summary>
    public IReadOnlyList<(float Cosine, int Row)> Sorted()
    {
        Shrink();
        return kept;
    }

    private void Shrink()
    {
        kept.Sort(static (a, b) => a.Cosine != b.Cosine ? b.Cosine.CompareTo(a.Cosine) : a.Row.CompareTo(b.Row));
        if (kept.Count < k) return;
        kept.RemoveRange(k, kept.Count - k);
        least = kept[^1].Cosine;
    }
}
