using TorchSharp;
using WclSharp.Neighbors;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Neighbors;

public class ImageGroupsTests
{
    private const int N = 200, Width = 6;

    /// <summary>Each row's nearest other row, by a slow loop.</summary>
    private static int[] Nearest(Tensor rows)
    {
        using var bank = new EmbeddingBank(N, Width, CPU); // what is compared has its resolution
        bank.Write([.. Enumerable.Range(0, N)], rows);
        using var all = arange(N);
        using var integers = bank.Integers(all);
        float[] x = integers.data<float>().ToArray();
        double Product(int a, int b) => Enumerable.Range(0, Width).Sum(d => (double)x[(a * Width) + d] * x[(b * Width) + d]);
        return [.. Enumerable.Range(0, N).Select(a => Enumerable.Range(0, N).Where(b => b != a).MaxBy(b => Product(a, b)))];
    }

    [Fact]
    public void Components_AreThoseOfTheGraphOfNearestRows()
    {
        using var rows = EmbeddingBankTests.Unit(N, Width, 3);
        int[] nearest = Nearest(rows);
        int[] root = [.. Enumerable.Range(0, N)];
        bool changed = true;
        while (changed) // the smallest number spreads along the edges
        {
            changed = false;
            for (int i = 0; i < N; i++)
            {
                int least = Math.Min(root[i], root[nearest[i]]);
                changed |= root[i] != least || root[nearest[i]] != least;
                root[i] = root[nearest[i]] = least;
            }
        }

        using var groups = ImageGroups.Of(rows, BankPairs.Components);
        long[] found = groups.data<long>().ToArray();

        for (int a = 0; a < N; a++)
            for (int b = 0; b < a; b++) Assert.Equal(root[a] == root[b], found[a] == found[b]);
        Assert.All(found, group => Assert.InRange(group, 0, N - 1));
    }

    [Fact]
    public void MutualPairs_AreTwoThatAreEachOthersNearest()
    {
        using var rows = EmbeddingBankTests.Unit(N, Width, 4);
        int[] nearest = Nearest(rows);

        using var groups = ImageGroups.Of(rows, BankPairs.Mutual);
        long[] found = groups.data<long>().ToArray();

        Assert.Equal(Enumerable.Range(0, N).Select(i => nearest[nearest[i]] == i ? (long)Math.Min(i, nearest[i]) : i), found);
        Assert.InRange(found.Distinct().Count(), N / 2, N - 20); // there are pairs, and images without one
    }

    [Fact]
    public void Of_LeavesOneTensor()
    {
        using var rows = EmbeddingBankTests.Unit(N, Width, 5);
        Tensor? groups = null;
        LiveTensors.AssertLeftBy(1, () => groups = ImageGroups.Of(rows, BankPairs.Components));
        groups!.Dispose();
    }
}
