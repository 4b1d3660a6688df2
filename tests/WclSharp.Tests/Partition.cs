using static TorchSharp.torch;

namespace WclSharp.Tests;

/// <summary>Partitions in one canonical form, each set named by its smallest member.</summary>
internal static class Partition
{
    public static long[] ByFirstMember(Tensor labels) => ByFirstMember(labels.data<long>().ToArray());

    public static long[] ByFirstMember(long[] labels)
    {
        var first = new Dictionary<long, long>();
        for (int i = 0; i < labels.Length; i++) first.TryAdd(labels[i], i);
        return [.. labels.Select(l => first[l])];
    }

    /// <summary>Components by union-find, a slow and independent way.</summary>
    public static long[] ByUnionFind(long[] next)
    {
        var parent = Enumerable.Range(0, next.Length).ToArray();
        int Find(int i) { while (parent[i] != i) i = parent[i] = parent[parent[i]]; return i; }
        for (int i = 0; i < next.Length; i++) parent[Find(i)] = Find((int)next[i]);
        return ByFirstMember([.. Enumerable.Range(0, next.Length).Select(i => (long)Find(i))]);
    }
}
