using TorchSharp;
using WclSharp.Losses;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Losses;

public class RelationLossTests
{
    private const double T = 0.1;

    private static double Slow(double[][] z1, double[][] z2, bool[,] sets, bool eliminate)
    {
        double[][] z = [.. z1, .. z2];
        int n = z1.Length;
        double total = 0;
        for (int a = 0; a < 2 * n; a++)
        {
            double denominator = 0, sum = 0;
            int positives = 0;
            for (int k = 0; k < 2 * n; k++)
                if (k != a && !(eliminate && sets[a, k])) denominator += Math.Exp(Dot(z[a], z[k]) / T);
            for (int p = 0; p < 2 * n; p++)
            {
                if (p != (a + n) % (2 * n) && (eliminate || !sets[a, p])) continue;
                positives++;
                sum += Math.Log(Math.Exp(Dot(z[a], z[p]) / T) / denominator);
            }
            total -= sum / positives;
        }
        return total / (2 * n);
    }

    [Theory]
    [InlineData(2, 3, 0.5), InlineData(7, 4, 0.2), InlineData(16, 8, 0.6), InlineData(5, 4, 1)]
    public void BothLosses_EqualTheSlowLoop(int n, int dim, double share)
    {
        using var scope = NewDisposeScope();
        var (z1, z2, sets) = (Rows(n, dim, 1), Rows(n, dim, 2), Sets(n, share, 3));
        Assert.Equal(Slow(z1, z2, sets, eliminate: true), RelationLoss.Eliminate(ToTensor(z1), ToTensor(z2), ToTensor(sets), T).ToDouble(), 10);
        Assert.Equal(Slow(z1, z2, sets, eliminate: false), RelationLoss.Attract(ToTensor(z1), ToTensor(z2), ToTensor(sets), T).ToDouble(), 10);
    }

    [Fact]
    public void EmptySets_GiveTheInstanceLoss()
    {
        using var scope = NewDisposeScope();
        var (z1, z2, none) = (ToTensor(Rows(9, 4, 1)), ToTensor(Rows(9, 4, 2)), ToTensor(new bool[18, 18]));
        double expected = InstanceLoss.Forward(z1, z2, T).ToDouble();
        Assert.Equal(expected, RelationLoss.Eliminate(z1, z2, none, T).ToDouble(), 12);
        Assert.Equal(expected, RelationLoss.Attract(z1, z2, none, T).ToDouble(), 12);
    }

    [Fact]
    public void Gradients_EqualFiniteDifferences()
    {
        using var scope = NewDisposeScope();
        var (z1, z2, sets) = (ToTensor(Rows(5, 3, 4)), ToTensor(Rows(5, 3, 5)), ToTensor(Sets(5, 0.4, 6)));
        CheckGradient(z1, x => RelationLoss.Eliminate(x, z2, sets, T));
        CheckGradient(z1, x => RelationLoss.Attract(x, z2, sets, T));
        CheckGradient(z2, x => RelationLoss.Attract(z1, x, sets, T));
    }

    [Fact]
    public void WrongShapes_AreRefusedWithTheShape()
    {
        using var scope = NewDisposeScope();
        var z = ones(4, 3);
        Assert.Contains("[4, 3] and [5, 3]", Assert.Throws<ArgumentException>(() => RelationLoss.Attract(z, ones(5, 3), zeros(8, 8, ScalarType.Bool), T)).Message, StringComparison.Ordinal);
        Assert.Contains("[8, 8] bool, not [4, 4]", Assert.Throws<ArgumentException>(() => RelationLoss.Attract(z, z, zeros(4, 4, ScalarType.Bool), T)).Message, StringComparison.Ordinal);
        Assert.Contains("Temperature 0", Assert.Throws<ArgumentException>(() => RelationLoss.Attract(z, z, zeros(8, 8, ScalarType.Bool), 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>("sets", () => RelationLoss.Eliminate(z, z, null!, T));
        Assert.Contains("Float32", Assert.Throws<ArgumentException>(() => RelationLoss.Eliminate(z, z, zeros(8, 8), T)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_LeaveNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        var (z1, z2, sets) = (ToTensor(Rows(5, 3, 4)), ToTensor(Rows(5, 3, 5)), ToTensor(Sets(5, 0.4, 6)));
        CheckLeavesOne(() => RelationLoss.Eliminate(z1, z2, sets, T));
        CheckLeavesOne(() => RelationLoss.Attract(z1, z2, sets, T));
    }

    [Theory]
    [InlineData(2, 2), InlineData(1, 5), InlineData(7, 3)] // itself, and the other view either way
    public void Sets_WithARowOfTheSameImage_AreRefused(int row, int column)
    {
        using var scope = NewDisposeScope();
        var sets = new bool[8, 8];
        sets[row, column] = true;
        Assert.Contains("4 columns to its right and left", Assert.Throws<ArgumentException>("sets", () => RelationLoss.Eliminate(ones(4, 3), ones(4, 3), ToTensor(sets), T)).Message, StringComparison.Ordinal);
    }
}
