using WclSharp.Inference;

namespace WclSharp.Tests.Inference;

public class NearestHitsTests
{
    /// <summary>Threads hand their parts over in any order: of equal rows the lowest stay, whichever come first.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sorted_OfManyEqualRows_HasTheLowest_InWhateverOrderTheyCome(bool descending)
    {
        int[] rows = [.. Enumerable.Range(0, 500)];
        if (descending) Array.Reverse(rows);
        var hits = new NearestHits(3);
        hits.Add(0.75f, 900);
        foreach (int row in rows) hits.Add(0.5f, row);
        hits.Add(0.25f, 1);
        Assert.Equal([(0.75f, 900), (0.5f, 0), (0.5f, 1)], hits.Sorted());

        var others = new NearestHits(3);
        others.Add(0.5f, -1);
        hits.AddAll(others);
        Assert.Equal([(0.75f, 900), (0.5f, -1), (0.5f, 0)], hits.Sorted());
    }
}
