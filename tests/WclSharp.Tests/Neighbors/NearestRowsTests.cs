using TorchSharp;
using WclSharp.Native;
using WclSharp.Neighbors;
using static TorchSharp.torch;

namespace WclSharp.Tests.Neighbors;

public class NearestRowsTests
{
    /// <summary>K nearest filled rows by a loop over all pairs, products in whole numbers, ties by the lower index.</summary>
    private static int[] Slow(EmbeddingBank bank, int k)
    {
        using var scope = NewDisposeScope();
        long[] filled = [.. bank.FilledRows().data<long>()];
        var all = bank.Integers(arange(bank.Count)).data<float>().ToArray();
        long Product(long a, long b)
        {
            long sum = 0;
            for (int d = 0; d < bank.Dim; d++) sum += (long)all[a * bank.Dim + d] * (long)all[b * bank.Dim + d];
            return sum;
        }
        int[] result = [.. Enumerable.Repeat(NearestRows.None, bank.Count * k)];
        foreach (long i in filled)
        {
            long[] others = [.. filled.Where(j => j != i).OrderByDescending(j => Product(i, j)).ThenBy(j => j).Take(k)];
            for (int place = 0; place < others.Length; place++) result[i * k + place] = (int)others[place];
        }
        return result;
    }

    private static int[] Search(EmbeddingBank bank, int k, int? tile = null, bool? onHost = null)
    {
        using var found = NearestRows.Search(bank, k, tile: tile, onHost: onHost);
        Assert.Equal([bank.Count, k], found.shape);
        Assert.Equal(ScalarType.Int32, found.dtype);
        return [.. found.data<int>()];
    }

    private static EmbeddingBank Bank(Tensor rows, params int[] leftOut)
    {
        var bank = new EmbeddingBank((int)rows.shape[0], (int)rows.shape[1], CPU);
        int[] written = [.. Enumerable.Range(0, bank.Count).Except(leftOut)];
        using var scope = NewDisposeScope();
        bank.Write(written, rows.index_select(0, tensor(Array.ConvertAll(written, i => (long)i))));
        return bank;
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(4), InlineData(9), InlineData(70)]
    public void Search_RandomRows_EqualsTheSlowLoopInTilesOfAnySize(int k)
    {
        using var scope = NewDisposeScope();
        using var bank = Bank(EmbeddingBankTests.Unit(333, 12, k), 0, 17, 18, 200, 332);
        int[] expected = Slow(bank, k);
        foreach (bool onHost in (bool[])[true, false])
            foreach (int tile in (int[])[1 + 40 * k % 97, 64, 100, 128, 333, 5000])
                Assert.Equal(expected, Search(bank, k, tile, onHost));
        Assert.Equal(expected, Search(bank, k));
    }

    [Fact]
    public void Search_ManyEqualRows_TakesTheLowestIndices()
    {
        using var scope = NewDisposeScope();
        // Ten rows, 30 times each, shuffled, so that the K-th place is always tied.
        var which = tensor(Enumerable.Range(0, 300).Select(i => (long)(i * 7 % 10)).ToArray());
        using var bank = Bank(EmbeddingBankTests.Unit(10, 16, 1).index_select(0, which));
        int[] expected = Slow(bank, 4);
        Assert.Equal([10, 20, 30, 40], expected[..4]); // row 0 and its copies
        foreach (bool onHost in (bool[])[true, false])
            foreach (int tile in (int[])[30, 64, 130, 300])
                Assert.Equal(expected, Search(bank, 4, tile, onHost));
    }

    [Fact]
    public void Search_AllRowsEqualOrOpposite_EqualsTheSlowLoop()
    {
        using var scope = NewDisposeScope();
        using var same = Bank(ones(150, 3));
        using var opposite = Bank(cat([ones(2, 3), ones(3, 3).neg()]));
        foreach (bool onHost in (bool[])[true, false])
        {
            Assert.Equal(Slow(same, 3), Search(same, 3, 64, onHost));
            Assert.Equal(Slow(opposite, 4), Search(opposite, 4, 2, onHost)); // products of -1 are neighbours all the same
        }
    }

    [Fact]
    public void Search_FewerOthersThanK_FillsUpWithNone()
    {
        using var scope = NewDisposeScope();
        using var bank = Bank(EmbeddingBankTests.Unit(5, 4, 2), 1, 3);
        using var one = Bank(ones(3, 4), 0, 2);
        using var none = new EmbeddingBank(2, 4, CPU);
        foreach (bool onHost in (bool[])[true, false])
        {
            int[] found = Search(bank, 3, 1, onHost);
            Assert.Equal(Slow(bank, 3), found);
            Assert.Equal([-1, -1, -1], found[3..6]);
            Assert.Equal(-1, found[2]);
            Assert.All(Search(one, 2, null, onHost), neighbor => Assert.Equal(NearestRows.None, neighbor));
            Assert.All(Search(none, 2, null, onHost), neighbor => Assert.Equal(NearestRows.None, neighbor));
        }
    }

    [Fact]
    public void Search_FullPrecisionRows_FindsCosinesWithinTheResolution()
    {
        using var scope = NewDisposeScope();
        var rows = EmbeddingBankTests.Unit(2000, 128, 3);
        using var bank = Bank(rows);
        var found = tensor(Search(bank, 1).Select(i => (long)i).ToArray());
        var cosine = rows.mul(rows.index_select(0, found)).sum(1);
        var all = rows.matmul(rows.T);
        all.diagonal().fill_(-1);
        Assert.InRange((all.amax([1]) - cosine).max().ToDouble(), 0, 2e-3); // the bound by Cauchy-Schwarz is 5.5e-3
    }

    [Fact]
    public void Search_Running_TellsEveryTileAndCanBeStopped()
    {
        using var scope = NewDisposeScope();
        using var bank = Bank(EmbeddingBankTests.Unit(100, 4, 4));
        var told = new List<(long, long)>();
        NearestRows.Search(bank, 2, (done, all) => told.Add((done, all)), tile: 30);
        Assert.Equal(Enumerable.Range(1, 10).Select(i => ((long)i, 10L)), told); // 4 blocks, 10 pairs

        using var stop = new CancellationTokenSource();
        LiveTensors.AssertNoneLeftBy(() =>
        {
            int seen = 0;
            Assert.Throws<OperationCanceledException>(() => NearestRows.Search(bank, 2, (_, _) => { if (++seen == 3) stop.Cancel(); }, stop.Token, 30));
            Assert.Equal(3, seen);
        });
    }

    [Fact]
    public void Search_LeavesNoTensorsBehind()
    {
        using var rows = EmbeddingBankTests.Unit(50, 4, 5);
        using var bank = Bank(rows);
        LiveTensors.AssertNoneLeftBy(() =>
        {
            foreach (bool onHost in (bool[])[true, false, true, false]) Search(bank, 3, 20, onHost);
        });
    }

    [Fact]
    public void PeakBytes_ForImageNet_IsFarBelowFourGibibytes()
    {
        foreach (int tile in (int[])[NearestRows.DefaultTile(CPU), 8192]) // of a CPU, of a GPU
            Assert.InRange(NearestRows.PeakBytes(1_281_167, 128, 4, tile), 1, 1L << 30);
    }

    /// <summary>In a process of its own, whose peak nothing else has raised.</summary>
    [Fact]
    public void Search_TwentyThousandRows_StaysFarBelowAllProducts()
    {
        string json = Path.Combine(Path.GetTempPath(), $"wcl-neighbors-{Guid.NewGuid():N}.json");
        try
        {
            using var process = ChildProcess.Start(ChildProcess.Dotnet,
                [Path.Combine(AppContext.BaseDirectory, "wcl.dll"), "bench", "neighbors", "--images", "20000", "--dim", "32", "--k", "4", "--json", json]);
            process.End(expectedCode: 0);
            using var figures = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(json));
            // All products would be 1526 MiB. Of what there is, some 60 are the search's, the rest what a process takes up at first.
            Assert.InRange(figures.RootElement.GetProperty("mib_above_bank").GetDouble(), 0, 384);
            Assert.InRange(figures.RootElement.GetProperty("largest_mib_above_bank").GetDouble(), 0, 96);
        }
        finally
        {
            File.Delete(json);
        }
    }

    [Fact]
    public void Search_NoNeighboursWanted_IsRefused()
    {
        using var bank = new EmbeddingBank(2, 2, CPU);
        Assert.Throws<ArgumentOutOfRangeException>(() => NearestRows.Search(bank, 0));
    }

    [Fact]
    public void HostRanking_MoreThanAnArrayHolds_IsRefusedWithBothNumbers() =>
        Assert.Contains("The 4,096 nearest of each of 1,048,576 images are more than a search on a processor can hold, 2,147,483,591 in all; ask for 2,047 neighbours or fewer",
            Assert.Throws<WclUsageException>(() => new HostRanking(1 << 20, 1 << 12)).Message, StringComparison.Ordinal);
}
