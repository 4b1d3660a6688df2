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

        int[] arranged = GroupedOrder.Arrange(order, groups, most: 32);

        Assert.Equal(order.Order(), arranged.Order());
        var runs = arranged.Select(image => groups[image]).Aggregate(new List<int>(), (list, group) =>
        {
            if (list.Count == 0 || list[^1] != group) list.Add(group);
            return list;
        });
        Assert.Equal(70, runs.Count);                                                     // each group once, in one piece
        var place = order.Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        Assert.Equal(Enumerable.Range(0, 70).OrderBy(group => place[Array.IndexOf(groups, group)]), runs); // in the order of lowest-numbered members
        foreach (var members in arranged.GroupBy(image => groups[image])) Assert.Equal(members.OrderBy(image => place[image]), members);
    }

    [Fact]
    public void Arrange_EveryImageItsOwnGroup_IsTheOrder()
    {
        int[] order = new CounterRandom(1, RandomPurpose.Shuffle).Permutation(50, 3);
        Assert.Equal(order, GroupedOrder.Arrange(order, [.. Enumerable.Range(0, 50)], most: 1));
    }

    [Fact]
    public void Arrange_WhereAGroupComes_AndWhetherItIsLeftOut_DoNotHangOnItsSize()
    {
        const int Epochs = 400, Batch = 64;
        int[] sizes = [.. Enumerable.Repeat(1, 200), .. Enumerable.Repeat(2, 200), .. Enumerable.Repeat(4, 100), .. Enumerable.Repeat(8, 50)];
        int[] members = [.. sizes.SelectMany((size, group) => Enumerable.Repeat(group, size))];
        int n = members.Length, used = n - n % Batch;
        var random = new CounterRandom(6, RandomPurpose.Shuffle);
        int[] groups = Array.ConvertAll(random.Permutation(n, Epochs), i => members[i]);
        var (places, leftOut) = (new double[9], new double[9]);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            foreach (var (place, image) in GroupedOrder.Arrange(random.Permutation(n, epoch), groups, Batch / 2).Index())
            {
                int size = sizes[groups[image]];
                places[size] += place;
                if (place >= used) leftOut[size]++;
            }
        }

        foreach (int size in (int[])[1, 2, 4, 8])
        {
            double seen = (double)Epochs * sizes.Count(each => each == size) * size;
            Assert.Equal((n - 1) / 2.0, places[size] / seen, 0.02 * n);
            Assert.Equal(1, leftOut[size] / seen / ((n - used) / (double)n), 0.15);
        }
    }

    [Fact]
    public void Arrange_AGroupOfMoreThanABatch_ComesInPartsAmongTheOthers()
    {
        const int Batch = 32, Large = 192, Epochs = 50; // twelve parts
        int[] groups = [.. Enumerable.Range(0, 500).Select(i => i < Large ? 0 : i)];
        int alone = 0;
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            int[] order = new CounterRandom(2, RandomPurpose.Shuffle).Permutation(500, epoch), arranged = GroupedOrder.Arrange(order, groups, Batch / 2);
            Assert.Equal(order.Order(), arranged.Order());
            Assert.Equal(order.Where(image => image < Large).Chunk(Batch / 2).Select(part => part[0]).Order(),
                arranged.Where(image => image < Large).Chunk(Batch / 2).Select(part => part[0]).Order());
            alone += arranged.Chunk(Batch).Count(batch => batch.Length == Batch && batch.All(image => image < Large));
        }

        Assert.InRange(alone, 0, Epochs / 5); // parts may come to lie side by side; in one piece they would fill five batches of every epoch
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)] // parts are of half a batch, whatever it is cut into
    public void Epoch_OfALoaderWithGroups_FollowsIt(int chunks)
    {
        using var data = ImageDataset.Read(new DatasetOptions { Limit = 200, Seed = 3 });
        using var loader = BatchLoader.InChunks(data, 64, chunks, seed: 11, workers: 2);
        int[] groups = [.. Enumerable.Range(0, 200).Select(i => i / 4)];
        var seen = new List<int>();
        foreach (var batch in loader.Epoch(2, 0, groups))
            using (batch) seen.AddRange(batch.Indices);
        Assert.Equal(GroupedOrder.Arrange(new CounterRandom(11, RandomPurpose.Shuffle).Permutation(200, 2), groups, most: 32)[..192], seen);
    }
}
