using WclSharp.Graphs;
using WclSharp.Training;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Graphs;

/// <summary>Top-K sets and false negatives against sorting.</summary>
public class NearestSetsTests
{
    private static bool[] Set(Tensor sets, int row, int rows) => sets.data<bool>().ToArray()[(row * rows)..((row + 1) * rows)];

    private static bool[] Best(IEnumerable<(int Row, double Score)> candidates, int rows, int k, double least = -2)
    {
        var best = candidates.OrderByDescending(c => c.Score).Take(k).Where(c => c.Score >= least).Select(c => c.Row).ToHashSet();
        return [.. Enumerable.Range(0, rows).Select(best.Contains)];
    }

    [Theory]
    [InlineData(0), InlineData(1), InlineData(3), InlineData(10)]
    public void OfOtherImages_AreTheKMostSimilarRows(int k)
    {
        using var scope = NewDisposeScope();
        const int N = 6;
        double[][] z1 = Rows(N, 4, 1), z2 = Rows(N, 4, 2), z = [.. z1, .. z2];
        var sets = NearestSets.OfOtherImages(ToTensor(z1), ToTensor(z2), k);
        for (int a = 0; a < 2 * N; a++)
        {
            var others = Enumerable.Range(0, 2 * N).Where(b => b % N != a % N).Select(b => (b, Dot(z[a], z[b])));
            Assert.Equal(Best(others, 2 * N, k), Set(sets, a, 2 * N));
        }
    }

    [Theory]
    [InlineData(SupportScore.Max, 3, null), InlineData(SupportScore.Mean, 3, null), InlineData(SupportScore.Max, 0, null)]
    [InlineData(SupportScore.Max, null, 0.3), InlineData(SupportScore.Mean, null, 0.1), InlineData(SupportScore.Max, 2, 0.5)]
    public void FalseNegatives_AreTheRowsMostLikeTheSupport(SupportScore score, int? k, double? threshold)
    {
        using var scope = NewDisposeScope();
        const int N = 6;
        double[][] z1 = Rows(N, 4, 1), z2 = Rows(N, 4, 2), z = [.. z1, .. z2];
        double[][][] support = [Rows(N, 4, 3), Rows(N, 4, 4), Rows(N, 4, 5)];
        var sets = FalseNegatives.Find([.. support.Select(ToTensor)], ToTensor(z1), ToTensor(z2), score, k, threshold);
        bool any = false;
        for (int a = 0; a < 2 * N; a++)
        {
            var scored = Enumerable.Range(0, 2 * N).Where(b => b % N != a % N).Select(b =>
            {
                var cosines = support.Select(view => Dot(view[a % N], z[b]));
                return (b, score == SupportScore.Max ? cosines.Max() : cosines.Average());
            });
            var expected = Best(scored, 2 * N, k ?? 2 * N, threshold ?? -2);
            any |= expected.Contains(true);
            Assert.Equal(expected, Set(sets, a, 2 * N));
        }
        Assert.Equal(k != 0, any); // the case says something
    }

    [Fact]
    public void Calls_LeaveNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        var (z1, z2) = (ToTensor(Rows(6, 4, 1)), ToTensor(Rows(6, 4, 2)));
        CheckLeavesOne(() => NearestSets.OfOtherImages(z1, z2, 3));
        foreach (var score in Enum.GetValues<SupportScore>()) CheckLeavesOne(() => FalseNegatives.Find([z1, z2], z1, z2, score, 3, 0.1));
    }
}
