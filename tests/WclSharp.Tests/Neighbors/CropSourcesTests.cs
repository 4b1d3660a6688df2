using TorchSharp;
using WclSharp.Neighbors;
using static TorchSharp.torch;

namespace WclSharp.Tests.Neighbors;

public class CropSourcesTests
{
    private const int K = 4, Count = 2000;

    private static readonly int[] Neighbors = [.. Enumerable.Range(0, Count * K).Select(i => (i / K + 1 + i % K) % Count)];

    private static readonly int[] Everyone = [.. Enumerable.Range(0, Count)];

    [Fact]
    public void Of_AnyImage_IsEvenlyOneOfItsNeighbours()
    {
        var sources = new CropSources(3, Neighbors, K);
        var counts = new int[K];
        for (int epoch = 0; epoch < 5; epoch++)
            for (int crop = 0; crop < 4; crop++)
            {
                int[] chosen = sources.Of(Everyone, epoch, crop);
                for (int i = 0; i < Count; i++) counts[(chosen[i] - i - 1 + Count) % Count]++;
            }
        Assert.All(counts, count => Assert.Equal(10_000, count, 350.0)); // four standard deviations of 40,000 draws
    }

    [Fact]
    public void Of_PairsOfCropsAndEpochs_AreIndependent()
    {
        var sources = new CropSources(3, Neighbors, K);
        int[] first = sources.Of(Everyone, 0, 0);
        foreach (int[] other in (int[][])[sources.Of(Everyone, 0, 1), sources.Of(Everyone, 1, 0), new CropSources(4, Neighbors, K).Of(Everyone, 0, 0)])
            Assert.Equal(Count / 4.0, first.Zip(other).Count(pair => pair.First == pair.Second), 80.0); // four standard deviations
    }

    [Fact]
    public void Of_OtherBatches_GivesTheSame()
    {
        var sources = new CropSources(3, Neighbors, K);
        int[] whole = sources.Of(Everyone, 2, 1), order = [.. Everyone.Select(i => i * 7 % Count)];
        foreach (int[] batch in order.Chunk(97))
            Assert.Equal(batch.Select(i => whole[i]), new CropSources(3, Neighbors, K).Of(batch, 2, 1));
    }

    [Fact]
    public void Of_ImagesWithFewOrNoNeighbours_TakesThoseOrTheImageItself()
    {
        int[] neighbors = [1, 2, -1, -1, -1, -1, 0, -1, -1];
        var sources = new CropSources(0, neighbors, 3);
        var seen = Enumerable.Range(0, 100).Select(epoch => sources.Of([0, 1, 2], epoch, 0)).ToList();
        Assert.Equal([1, 2], seen.Select(s => s[0]).Distinct().Order());
        Assert.All(seen, s => Assert.Equal((1, 0), (s[1], s[2])));
        Assert.Equal([5, 9], new CropSources(0, [], 3).Of([5, 9], 0, 0)); // no bank yet
    }

    [Fact]
    public void Relation_CountsThePairsThatAreNotReturned()
    {
        // 0 and 1 have each other; 2 has both, neither of which has it; 3 has none.
        Assert.Equal((2L, 4L), new CropSources(0, [1, -1, 0, -1, 0, 1, -1, -1], 2).Relation());
        Assert.Equal(((long)Count * K, (long)Count * K), new CropSources(3, Neighbors, K).Relation()); // those that follow on a ring
        Assert.Equal((0L, 0L), new CropSources(0, [], 3).Relation());

        var random = new Random(1);
        var table = Enumerable.Range(0, 50).Select(i => Enumerable.Range(0, 50).Where(j => j != i).OrderBy(_ => random.Next()).Take(random.Next(0, 11)).ToArray()).ToArray();
        var pairs = table.SelectMany((near, i) => near.Select(j => (i, j))).ToHashSet();
        int[] flat = [.. table.SelectMany(near => near.Concat(Enumerable.Repeat(NearestRows.None, 10 - near.Length)))];
        Assert.Equal((pairs.Count(pair => !pairs.Contains((pair.j, pair.i))), pairs.Count), new CropSources(0, flat, 10).Relation());
    }

    [Fact]
    public void NeighborCrops_SavedWithinAnEpoch_GoesOnWithTheNeighboursOfItsStart()
    {
        using var scope = NewDisposeScope();
        using var crops = new NeighborCrops(60, K, own: 1, seed: 1, new EmbeddingBank(60, 8, CPU));
        int[] images = [.. Enumerable.Range(0, 60)];
        Assert.Null(crops.Sources(images, 0, 1)); // no neighbours yet
        Assert.Equal(2, crops.NamedState().Count());
        Assert.Equal((0L, 0L), crops.Relation);
        crops.Bank!.Write(images, EmbeddingBankTests.Unit(60, 8, 1));
        crops.FindNeighbors(NoFeatures);
        Assert.Null(crops.Sources(images, 1, 0)); // the image's own
        int[] sources = crops.Sources(images, 1, 2)!;
        Assert.All(images, i => Assert.NotEqual(i, sources[i]));
        crops.Bank!.Write(images, EmbeddingBankTests.Unit(60, 8, 2)); // the epoch goes on
        Assert.Equal(sources, crops.Sources(images, 1, 2));

        using var resumed = new NeighborCrops(60, K, own: 1, seed: 1, new EmbeddingBank(60, 8, CPU));
        resumed.Load(crops.NamedState().ToDictionary(entry => entry.Name, entry => entry.Tensor));
        Assert.True(resumed.HasNeighbors);
        Assert.Equal(60L * K, crops.Relation.Related);
        Assert.InRange(crops.Relation.OneWay, 1, crops.Relation.Related - 1);
        Assert.Equal(crops.Relation, resumed.Relation);
        Assert.Equal(sources, resumed.Sources(images, 1, 2));
        crops.FindNeighbors(NoFeatures);
        resumed.FindNeighbors(NoFeatures);
        Assert.NotEqual(sources, crops.Sources(images, 1, 2));
        Assert.Equal(crops.Sources(images, 1, 2), resumed.Sources(images, 1, 2));

        using var other = new NeighborCrops(60, K + 1, own: 1, seed: 1, new EmbeddingBank(60, 8, CPU));
        var error = Assert.Throws<WclUsageException>(() => other.Load(crops.NamedState().ToDictionary(entry => entry.Name, entry => entry.Tensor)));
        Assert.Contains("--bank-k", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NeighborCrops_WithoutABank_FindsNeighboursByTheFeatures()
    {
        using var scope = NewDisposeScope();
        int[] images = [.. Enumerable.Range(0, 60)];
        using var banked = new NeighborCrops(60, K, own: 0, seed: 1, new EmbeddingBank(60, 8, CPU));
        banked.Bank!.Write(images, EmbeddingBankTests.Unit(60, 8, 1));
        banked.FindNeighbors(NoFeatures);
        using var computed = new NeighborCrops(60, K, own: 0, seed: 1, bank: null);
        computed.FindNeighbors(() => EmbeddingBankTests.Unit(60, 8, 1));
        Assert.Equal(banked.Sources(images, 1, 2), computed.Sources(images, 1, 2));
        Assert.Equal(["bank.neighbors"], computed.NamedState().Select(entry => entry.Name));
    }

    [Fact]
    public void Agreement_CountsOtherImagesOfKnownClasses()
    {
        // Right, wrong, the image itself, unknown on either side.
        long[] classes = [0, 0, 1, -1];
        Assert.Equal((1, 2), CropSources.Agreement([0, 1, 2, 3, 0], [1, 2, 2, 0, 3], classes));
    }

    private static Tensor NoFeatures() => throw new InvalidOperationException("A bank needs no features.");

    [Fact]
    public void NeighborCrops_LeavesNoTensorsBehind()
    {
        using var rows = EmbeddingBankTests.Unit(30, 8, 1);
        int[] images = [.. Enumerable.Range(0, 30)];
        LiveTensors.AssertNoneLeftBy(() =>
        {
            using (var crops = new NeighborCrops(30, K, own: 0, seed: 1, new EmbeddingBank(30, 8, CPU)))
            {
                crops.Bank!.Write(images, rows);
                crops.FindNeighbors(NoFeatures);
                long once = LiveTensors.Count;
                crops.FindNeighbors(NoFeatures);
                Assert.Equal(once, LiveTensors.Count);
            }
        });
    }
}
