using TorchSharp;
using WclSharp.Losses;
using WclSharp.Randomness;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Losses;

public class SupConLossTests
{
    private const double T = 0.1;

    /// <summary>From the formula: an unknown class (-1) is alike to its own image's other view only.</summary>
    private static double Slow(double[][] z1, double[][] z2, long[] classes)
    {
        double[][] z = [.. z1, .. z2];
        int n = z1.Length;
        double total = 0;
        for (int a = 0; a < 2 * n; a++)
        {
            double denominator = 0, sum = 0;
            int positives = 0;
            for (int k = 0; k < 2 * n; k++) if (k != a) denominator += Math.Exp(Dot(z[a], z[k]) / T);
            for (int p = 0; p < 2 * n; p++)
            {
                bool alike = p % n == a % n || (classes[a % n] >= 0 && classes[p % n] == classes[a % n]);
                if (p == a || !alike) continue;
                positives++;
                sum += Math.Log(Math.Exp(Dot(z[a], z[p]) / T) / denominator);
            }
            total -= sum / positives;
        }
        return total / (2 * n);
    }

    public static TheoryData<long[]> Classes => new((long[][])[[3, 3, 0, 900, 0, 3], [-1, -1, 2, -1, 2, 2], [0, 0, 0, 0], [5, -1]]);

    [Theory, MemberData(nameof(Classes))]
    public void Loss_EqualsTheSlowLoop(long[] classes)
    {
        using var scope = NewDisposeScope();
        var (z1, z2) = (Rows(classes.Length, 4, 1), Rows(classes.Length, 4, 2));
        var labels = SupConLoss.LabelsOf(tensor(classes));
        Assert.Equal(Slow(z1, z2, classes), SupConLoss.Forward(ToTensor(z1), ToTensor(z2), labels, T).ToDouble(), 10);
    }

    [Fact]
    public void LabelsOf_NamesTheFirstOfAClass_AndUnknownOnesThemselves()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([0, 1, 0, 3, 4, 1], SupConLoss.LabelsOf(tensor(new long[] { 7, 0, 7, -1, -1, 0 })).data<long>().ToArray());
        Assert.Equal([0, 1, 1], SupConLoss.LabelsOf(tensor(new long[] { -1, 0, 0 })).data<long>().ToArray()); // the first row's number is that of class 0
    }

    [Theory]
    [InlineData(1, 1), InlineData(2, 1), InlineData(40, 3), InlineData(300, 40), InlineData(1000, 2), InlineData(1000, 100_000)]
    public void LabelsOf_AreWhatAComparisonOfAllPairsGives(int images, int classes)
    {
        // The largest and smallest numbers as well; all below zero are unknown, not -1 alone.
        long[] special = [-1, -2, long.MinValue, long.MaxValue, int.MaxValue, 0];
        var random = new CounterRandom(images + classes, RandomPurpose.Evaluation);
        var drawn = Enumerable.Range(0, images).Select(i => (int)(random.Uniforms(0, (uint)i, 0, 0).A * (classes + special.Length)));
        long[] wide = [.. drawn.Select(value => value < classes ? value * 3 : special[value - classes])];
        int[] narrow = [.. wide.Select(value => (int)Math.Clamp(value, int.MinValue, int.MaxValue))];
        using var scope = NewDisposeScope();
        Assert.Equal(OfAllPairs(wide), SupConLoss.LabelsOf(tensor(wide)).data<long>().ToArray());
        Assert.Equal(OfAllPairs([.. narrow.Select(value => (long)value)]), SupConLoss.LabelsOf(tensor(narrow)).data<long>().ToArray());
    }

    private static long[] OfAllPairs(long[] classes)
    {
        using var scope = NewDisposeScope();
        var given = tensor(classes);
        var distinct = where(given.lt(0), arange(classes.Length).neg().sub(1), given);
        return distinct.unsqueeze(1).eq(distinct.unsqueeze(0)).to(ScalarType.Byte).argmax(1).data<long>().ToArray();
    }

    [Fact]
    public void LabelsOf_OfALargeBatch_TakeNoComparisonOfAllPairs()
    {
        const int Images = 1 << 20; // of which all pairs are a TiB
        using var scope = NewDisposeScope();
        var labels = SupConLoss.LabelsOf(tensor(Enumerable.Range(0, Images).Select(i => 999 - i % 1000).ToArray())).data<long>().ToArray();
        Assert.Equal(Enumerable.Range(0, Images).Select(i => (long)i % 1000), labels);
    }

    [Fact]
    public void AllClassesDifferent_OrUnknown_GivesTheInstanceLoss()
    {
        using var scope = NewDisposeScope();
        var (z1, z2) = (ToTensor(Rows(7, 4, 1)), ToTensor(Rows(7, 4, 2)));
        double expected = InstanceLoss.Forward(z1, z2, T).ToDouble();
        Assert.Equal(expected, SupConLoss.Forward(z1, z2, SupConLoss.LabelsOf(tensor(new long[] { 6, 5, 4, 3, 2, 1, 0 })), T).ToDouble(), 12);
        Assert.Equal(expected, SupConLoss.Forward(z1, z2, SupConLoss.LabelsOf(tensor(new long[] { -1, -1, -1, -1, -1, -1, 3 })), T).ToDouble(), 12);
    }

    [Fact]
    public void Gradient_EqualsFiniteDifferences()
    {
        using var scope = NewDisposeScope();
        var (z1, z2) = (ToTensor(Rows(5, 3, 4)), ToTensor(Rows(5, 3, 5)));
        var labels = SupConLoss.LabelsOf(tensor(new long[] { 0, 1, 0, -1, 1 }));
        CheckGradient(z1, x => SupConLoss.Forward(x, z2, labels, T));
        CheckGradient(z2, x => SupConLoss.Forward(z1, x, labels, T));
    }

    [Fact]
    public void WrongShapes_AreRefusedWithTheShape()
    {
        using var scope = NewDisposeScope();
        Assert.Contains("[4, 3] and [4, 2]", Assert.Throws<ArgumentException>(() => SupConLoss.Forward(ones(4, 3), ones(4, 2), zeros(4, ScalarType.Int64), T)).Message, StringComparison.Ordinal);
        Assert.Contains("[4], not [8]", Assert.Throws<ArgumentException>(() => SupConLoss.Forward(ones(4, 3), ones(4, 3), zeros(8, ScalarType.Int64), T)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_LeaveNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        var (z1, z2, classes) = (ToTensor(Rows(4, 3, 4)), ToTensor(Rows(4, 3, 5)), tensor(new long[] { 0, 1, 0, -1 }));
        var labels = SupConLoss.LabelsOf(classes);
        CheckLeavesOne(() => SupConLoss.LabelsOf(classes));
        CheckLeavesOne(() => SupConLoss.Forward(z1, z2, labels, T));
    }
}
