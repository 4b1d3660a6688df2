using TorchSharp;
using WclSharp.Grouping;
using WclSharp.Randomness;
using WclSharp.Suggestions;
using static TorchSharp.torch;

namespace WclSharp.Tests.Grouping;

public sealed class KMeansTests
{
    /// <summary>Rows around so many directions, one row in turn from each; of the first, as many more as asked for.</summary>
    private static Tensor Rows(int groups, int each, double spread, long seed, int moreOfFirst = 0)
    {
        using var scope = NewDisposeScope();
        var directions = new ParameterInitializer(seed).Normal([groups, 12], 1);
        long[] group = [.. Enumerable.Range(0, groups * each).Select(i => (long)(i % groups)), .. Enumerable.Repeat(0L, moreOfFirst)];
        var rows = directions.index_select(0, tensor(group)).add(new ParameterInitializer(seed + 1).Normal([group.Length, 12], spread));
        return nn.functional.normalize(rows).MoveToOuterDisposeScope();
    }

    [Fact]
    public void Of_GroupsApart_AreFound()
    {
        using var rows = Rows(7, 40, 0.1, 1);
        var (clusters, centres) = KMeans.Of(rows, 7, seed: 3);
        using (centres)
        {
            for (int i = 0; i < clusters.Length; i++) Assert.Equal(clusters[i % 7], clusters[i]);
            Assert.Equal(7, clusters.Distinct().Count());
            Assert.Equal([7L, 12L], centres.shape);
        }
    }

    [Fact]
    public void Of_EveryRowIsWithItsNearestCentre_AndCentresAreMeans()
    {
        using var scope = NewDisposeScope();
        var rows = Rows(4, 60, 1.0, 5);
        var (clusters, centres) = KMeans.Of(rows, 6, seed: 0);
        Assert.Equal(rows.matmul(centres.T).argmax(1).data<long>().Select(c => (int)c), clusters);
        for (int c = 0; c < 6; c++)
        {
            long[] members = [.. Enumerable.Range(0, clusters.Length).Where(i => clusters[i] == c).Select(i => (long)i)];
            var mean = nn.functional.normalize(rows.index_select(0, tensor(members)).mean([0L], keepdim: true)).squeeze(0);
            Assert.InRange(mean.sub(centres[c]).abs().max().item<float>(), 0, 1e-5);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Of_RowsThatAreAllAlike_EndsWithoutError(int clusters)
    {
        using var rows = ones(5, 3).div(Math.Sqrt(3));
        var (found, centres) = KMeans.Of(rows, clusters, seed: 0);
        using (centres) Assert.All(centres.data<float>().ToArray(), value => Assert.Equal(1 / Math.Sqrt(3), value, 1e-6)); // of those without rows, too
        Assert.Equal(5, found.Length);
    }

    [Fact]
    public void Of_MoreClustersThanRows_IsRefused()
    {
        using var rows = ones(3, 2);
        Assert.Throws<ArgumentException>(() => KMeans.Of(rows, 4, 0));
    }

    [Fact]
    public void Choose_TakesOneOfEachKind_LargestFirst_AndTheMiddleOfEach()
    {
        using var rows = Rows(5, 30, 0.2, 9, moreOfFirst: 50);
        var chosen = TypicalImages.Choose(rows, [], 5, 0, null, CancellationToken.None);
        int Group(int row) => row < 150 ? row % 5 : 0;
        Assert.Equal([0, 1, 2, 3, 4], chosen.Select(image => Group(image.Row)).Order());
        Assert.Equal((0, 80), (Group(chosen[0].Row), chosen[0].GroupSize));
        // More alike the rest of its kind than most are.
        using var scope = NewDisposeScope();
        foreach (var (row, _) in chosen)
        {
            var mates = Enumerable.Range(0, 200).Where(i => Group(i) == Group(row)).Select(i => (long)i).ToArray();
            var cosine = rows.index_select(0, tensor(mates)).matmul(rows.index_select(0, tensor(mates)).T).mean([1L]);
            float own = cosine[Array.IndexOf(mates, row)].item<float>();
            Assert.True(cosine.gt(own).sum().item<long>() < mates.Length / 3);
        }
    }

    [Fact]
    public void Choose_KindsThatHaveALabel_ComeLast()
    {
        using var rows = Rows(5, 30, 0.1, 11);
        var chosen = TypicalImages.Choose(rows, [0, 6], 3, 0, null, CancellationToken.None); // of the first and second kind
        Assert.Equal([2, 3, 4], chosen.Select(image => image.Row % 5).Order());
        var all = TypicalImages.Choose(rows, [0, 6], 148, 0, null, CancellationToken.None);
        Assert.Equal(Enumerable.Range(0, 150).Except([0, 6]), all.Select(image => image.Row).Order());
    }

    [Fact]
    public void Choose_LeavesNoTensorBehind()
    {
        using var rows = Rows(4, 30, 0.3, 13);
        LiveTensors.AssertNoneLeftBy(() => TypicalImages.Choose(rows, [], 6, 0, null, CancellationToken.None));
    }
}
