namespace WclSharp.Data;

/// <summary>Tells names that come again, by hashes of them, which are less in memory.</summary>
internal sealed class NamesMet
{
    private readonly HashSet<ulong> met = [];

    /// <summary>How many names came again.</summary>
    public int Again { get; private set; }

    /// <summary>Takes a name in; gives whether it has come before.</summary>
    public bool IsAgain(string name)
    {
        if (met.Add(HashOf(name))) return false;
        Again++;
        return true;
    }

    /// <summary>FNV-1a over UTF-16, 64 bits: two of ten million names share one by a chance of 3 in a million.</summary>
    private static ulong HashOf(string name)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in name) hash = (hash ^ c) * 1099511628211;
        return hash;
    }
}
