using WclSharp.Evaluation;
using WclSharp.Randomness;

namespace WclSharp.Tests.Evaluation;

public sealed class ClusterAgreementTests
{
    [Fact]
    public void Of_TheSamePartition_IsOne_WhateverTheNumbers()
    {
        var agreement = ClusterAgreement.Of([2, 2, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2])!;
        Assert.Equal((1, 1, 1), (agreement.Purity, Math.Round(agreement.Nmi!.Value, 12), Math.Round(agreement.Ami!.Value, 12)));
    }

    [Fact]
    public void Of_WhatCannotDisagree_SaysNothing()
    {
        Assert.Equal(new ClusterAgreement { Purity = 1 }, ClusterAgreement.Of([0, 0], [0, 0]));  // one group of one class
        Assert.Equal(new ClusterAgreement { Purity = 1 }, ClusterAgreement.Of([3, 1], [2, -1])); // one image
        var apart = ClusterAgreement.Of([0, 1, 2], [2, 1, 0])!;                                  // as every other division into three
        Assert.Equal((1, 1, null), (apart.Purity, Math.Round(apart.Nmi!.Value, 12), apart.Ami));
    }

    [Fact]
    public void Of_AGroupForEachImage_IsPureButNoBetterThanChance()
    {
        var agreement = ClusterAgreement.Of([0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1])!;
        Assert.Equal(1, agreement.Purity);
        Assert.True(agreement.Nmi > 0.5);
        Assert.Equal(0, agreement.Ami!.Value, 10);
    }

    [Fact]
    public void Of_AnExample_IsWhatTheDefinitionsGive()
    {
        // By hand: 6 images, groups {0, 0, 0, 1, 1, 1}, classes {0, 0, 1, 1, 1, 2}.
        int[] groups = [0, 0, 0, 1, 1, 1], classes = [0, 0, 1, 1, 1, 2];
        double information = 2.0 / 6 * Math.Log(6 * 2.0 / (3 * 2)) + 1.0 / 6 * Math.Log(6 * 1.0 / (3 * 3)) + 2.0 / 6 * Math.Log(6 * 2.0 / (3 * 3)) + 1.0 / 6 * Math.Log(6 * 1.0 / (3 * 1));
        double mean = (Math.Log(2) + (2.0 / 6 * Math.Log(3) + 3.0 / 6 * Math.Log(2) + 1.0 / 6 * Math.Log(6))) / 2;
        // What random classes would have, by trying every order.
        var orders = Permutations([0, 1, 2, 3, 4, 5]).Select(order => Information(groups, [.. order.Select(i => classes[i])])).ToArray();
        Assert.Equal(720, orders.Length);
        double chance = orders.Average();

        var agreement = ClusterAgreement.Of(groups, classes)!;
        Assert.Equal(4 / 6.0, agreement.Purity, 12);
        Assert.Equal(information / mean, agreement.Nmi!.Value, 12);
        Assert.Equal((information - chance) / (mean - chance), agreement.Ami!.Value, 10);
    }

    [Fact]
    public void Of_RandomGroups_HaveAnAdjustedInformationNearZero_AndManyOfThemAHighPurity()
    {
        var random = new CounterRandom(3, RandomPurpose.Evaluation);
        int[] classes = [.. random.Permutation(2000).Select(i => i % 10)], groups = [.. random.Permutation(2000, 1).Select(i => i % 500)];
        var agreement = ClusterAgreement.Of(groups, classes)!;
        Assert.InRange(agreement.Ami!.Value, -0.02, 0.02);
        Assert.True(agreement.Purity > 0.35 && agreement.Nmi > 0.25, $"{agreement}");
    }

    [Fact]
    public void Of_ImagesWithoutAClass_DoNotCount()
    {
        Assert.Equal(ClusterAgreement.Of([0, 0, 1], [0, 0, 1]), ClusterAgreement.Of([0, 0, 7, 1, 0], [0, 0, -1, 1, -1]));
        Assert.Null(ClusterAgreement.Of([0, 1], [-1, -1]));
        Assert.Throws<ArgumentException>(() => ClusterAgreement.Of([0, 1], [0]));
    }

    private static double Information(int[] groups, int[] classes)
    {
        double n = groups.Length;
        return groups.Zip(classes).CountBy(pair => pair)
            .Sum(cell => cell.Value / n * Math.Log(n * cell.Value / (groups.Count(g => g == cell.Key.First) * classes.Count(c => c == cell.Key.Second))));
    }

    private static IEnumerable<int[]> Permutations(int[] items) => items.Length == 0
        ? [[]]
        : items.SelectMany((item, i) => Permutations([.. items[..i], .. items[(i + 1)..]]).Select(rest => (int[])[item, .. rest]));
}
