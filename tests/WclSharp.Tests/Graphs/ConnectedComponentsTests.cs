using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Graphs;

public class ConnectedComponentsTests
{
    public static TheoryData<string> Graphs => FixtureFiles.Matching("graph-*.safetensors");
    public static TheoryData<string> Lists => FixtureFiles.Matching("components-*.safetensors");

    [Theory, MemberData(nameof(Graphs)), Trait("Category", "Fixtures")]
    public void NearestAndComponents_OfFixtureFeatures_AreExact(string file)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureFiles.Load(file);
        var unit = nn.functional.normalize(fixture["features"]);
        var nearest = NearestNeighborGraph.Nearest(unit);
        Assert.Equal(fixture["nearest"].data<long>().ToArray(), nearest.data<long>().ToArray());
        Assert.Equal(fixture["component"].data<long>().ToArray(), Partition.ByFirstMember(ConnectedComponents.Label(nearest)));
    }

    /// <summary>As a training step on a CPU finds them: beside the weak loss, from the same products.</summary>
    [Theory, MemberData(nameof(Graphs)), Trait("Category", "Fixtures")]
    public void NearestAndComponents_OfFixtureFeatures_AreExact_BesideTheLoss(string file)
    {
        const double Temperature = 0.1;
        using var scope = NewDisposeScope();
        using var fixture = FixtureFiles.Load(file);
        var unit = UnitRows.Of(fixture["features"]);
        Assert.True(SelfPartition.Suits(Temperature, unit));
        var nearest = SelfPartition.Compute([unit], Temperature, PartitionGradient.None, nearest: true).Nearest!;
        Assert.Equal(fixture["nearest"].data<long>().ToArray(), nearest.data<long>().ToArray());
        var (_, labels, _) = WeakLoss.OfGraphs(unit, unit, Temperature, detachKeys: true);
        Assert.Equal(fixture["component"].data<long>().ToArray(), Partition.ByFirstMember(labels));
    }

    [Theory, MemberData(nameof(Lists)), Trait("Category", "Fixtures")]
    public void Label_OfFixtureList_IsExact(string file)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureFiles.Load(file);
        Assert.Equal(fixture["component"].data<long>().ToArray(), Partition.ByFirstMember(ConnectedComponents.Label(fixture["nearest"])));
    }

    [Theory]
    [InlineData(2), InlineData(3), InlineData(7), InlineData(64), InlineData(65), InlineData(1000)]
    public void Label_OfAnyFunctionalGraph_EqualsUnionFind(int count)
    {
        using var scope = NewDisposeScope();
        var random = new CounterRandom(count, RandomPurpose.Evaluation);
        for (uint trial = 0; trial < 20; trial++)
        {
            var next = new long[count];
            for (int i = 0; i < count; i++) next[i] = random.Words(trial, (uint)i, 0, 0).A % count;
            Assert.Equal(Partition.ByUnionFind(next), Partition.ByFirstMember(ConnectedComponents.Label(tensor(next))));
        }
    }

    [Theory]
    [InlineData(3), InlineData(5), InlineData(8), InlineData(127), InlineData(1024), InlineData(1025)]
    public void Label_OfOneLongCycle_IsOneComponent(int count)
    {
        using var scope = NewDisposeScope();
        var next = tensor(Enumerable.Range(0, count).Select(i => (long)((i + 1) % count)).ToArray());
        Assert.All(ConnectedComponents.Label(next).data<long>().ToArray(), label => Assert.Equal(0, label));
    }

    [Fact]
    public void Label_OfOneLongChain_IsOneComponent()
    {
        using var scope = NewDisposeScope();
        var next = tensor(Enumerable.Range(0, 4097).Select(i => Math.Max(0L, i - 1)).ToArray());
        next[0] = 1;
        Assert.All(ConnectedComponents.Label(next).data<long>().ToArray(), label => Assert.Equal(0, label));
    }

    [Fact]
    public void OfNearestNeighbors_WithEqualRows_HasTwoMembersInEveryComponent()
    {
        using var scope = NewDisposeScope();
        var rows = nn.functional.normalize(tensor(new float[,] { { 1, 0 }, { 1, 0 }, { 1, 0 }, { 0, 1 }, { 0, 1 }, { 1, 0 }, { -1, 0 } }));
        var labels = ConnectedComponents.OfNearestNeighbors(rows).data<long>().ToArray();
        Assert.All(labels.CountBy(l => l), group => Assert.True(group.Value >= 2));
        Assert.Equal(Partition.ByUnionFind(NearestNeighborGraph.Nearest(rows).data<long>().ToArray()), Partition.ByFirstMember(labels));
    }

    [Fact]
    public void Nearest_OfOneRow_IsRefused() => Assert.Throws<ArgumentException>(() => NearestNeighborGraph.Nearest(ones(1, 4)));
}
