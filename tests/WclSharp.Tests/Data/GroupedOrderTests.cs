using WclSharp.Data;
using WclSharp.Randomness;

namespace WclSharp.Tests.Data;

public class GroupedOrderTests
{
    [Fact]
    public void Arrange_KeepsEveryImage_AndBringsGroupsTogether()
    {
        var random = new CounterRandom(4, RandomPurpose.Shuffle);
        int[] order = random.Permutation(300, 0);
        int[] groups = [.. random.Permutation(300, 1).Select(i => i % 70)];

        int[] arranged = GroupedOrder.Arrange(order, groups);

        Assert.Equal(order.Order(), arranged.Order());
        var runs = arranged.Select(image => groups[image]).Aggregate(new List<int>(), (list, group) =>
        {
            if (list.Count == 0 || list[^1] != group) list.Add(group);
            return list;
        });
        Assert.Equal(70, runs.Count);                                                     // each group once, in one piece
        Assert.Equal(order.Select(image => groups[image]).Distinct(), runs);              // in the order of first members
        var place = order.Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        foreach (var members in arranged.GroupBy(image => groups[image])) Assert.Equal(members.OrderBy(image => place[image]), members);
    }

    [Fact]
    public void Arrange_EveryImageItsOwnGroup_IsTheOrder()
    {
        int[] order = new CounterRandom(1, RandomPurpose.Shuffle).Permutation(50, 3);
        Assert.Equal(order, GroupedOrder.Arrange(order, [.. Enumerable.Range(0, 50)]));
    }

    [Fact]
    public void Epoch_OfALoaderWithGroups_FollowsIt()
    {
        using var data = ImageDataset.Read(new DatasetOptions { Limit = 200, Seed = 3 });
        using var loader = new BatchLoader(data, 64, seed: 11, workers: 2);
        int[] groups = [.. Enumerable.Range(0, 200).Select(i => i / 4)];
        var seen = new List<int>();
        foreach (var batch in loader.Epoch(2, 0, groups))
            using (batch) seen.AddRange(batch.Indices);
        Assert.Equal(GroupedOrder.Arrange(new CounterRandom(11, RandomPurpose.Shuffle).Permutation(200, 2), groups)[..192], seen);
    }
}
