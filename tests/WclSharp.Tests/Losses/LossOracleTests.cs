using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Losses;
using WclSharp.Randomness;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Losses;

/// <summary>Losses against slow loops written from their formulas, closed forms, symmetries and finite differences, in float64.</summary>
public class LossOracleTests
{
    private const double T = 0.1;

    private static double SlowInstance(double[][] z1, double[][] z2)
    {
        double[][] z = [.. z1, .. z2];
        int n = z1.Length;
        double total = 0;
        for (int a = 0; a < 2 * n; a++)
        {
            double denominator = 0;
            for (int k = 0; k < 2 * n; k++) if (k != a) denominator += Math.Exp(Dot(z[a], z[k]) / T);
            total -= Math.Log(Math.Exp(Dot(z[a], z[(a + n) % (2 * n)]) / T) / denominator);
        }
        return total / (2 * n);
    }

    private static double SlowWeak(double[][] v, long[] y)
    {
        double total = 0;
        for (int i = 0; i < v.Length; i++)
        {
            double denominator = 0, sum = 0;
            int positives = 0;
            for (int k = 0; k < v.Length; k++) if (k != i) denominator += Math.Exp(Dot(v[i], v[k]) / T);
            for (int p = 0; p < v.Length; p++)
            {
                if (p == i || y[p] != y[i]) continue;
                positives++;
                sum += Math.Log(Math.Exp(Dot(v[i], v[p]) / T) / denominator);
            }
            total -= sum / positives;
        }
        return total / v.Length;
    }

    [Theory]
    [InlineData(2, 3), InlineData(5, 2), InlineData(17, 8)]
    public void Instance_EqualsTheSlowLoop(int n, int dim)
    {
        using var scope = NewDisposeScope();
        var (z1, z2) = (Rows(n, dim, 1), Rows(n, dim, 2));
        Assert.Equal(SlowInstance(z1, z2), InstanceLoss.Forward(ToTensor(z1), ToTensor(z2), T).ToDouble(), 10);
    }

    [Theory]
    [InlineData(4, 3), InlineData(9, 2), InlineData(32, 8)]
    public void Weak_EqualsTheSlowLoop(int n, int dim)
    {
        using var scope = NewDisposeScope();
        var (v1, v2) = (Rows(n, dim, 3), Rows(n, dim, 4));
        var (y1, y2) = (ConnectedComponents.OfNearestNeighbors(ToTensor(v1)), ConnectedComponents.OfNearestNeighbors(ToTensor(v2)));
        double expected = (SlowWeak(v1, [.. y2.data<long>()]) + SlowWeak(v2, [.. y1.data<long>()])) / 2;
        foreach (bool detach in (bool[])[true, false])
            Assert.Equal(expected, WeakLoss.Swapped(ToTensor(v1), ToTensor(v2), y1, y2, T, detach).ToDouble(), 10);
    }

    [Fact]
    public void Instance_OfIdenticalRows_IsLogOfTwoNMinusOne()
    {
        using var scope = NewDisposeScope();
        var z = zeros(6, 4, ScalarType.Float64).index_fill(1, tensor(0L), 1);
        Assert.Equal(Math.Log(11), InstanceLoss.Forward(z, z, T).ToDouble(), 10);
    }

    [Fact]
    public void Losses_DoNotChange_WhenViewsSwapOrRowsPermute()
    {
        using var scope = NewDisposeScope();
        var (v1, v2) = (ToTensor(Rows(12, 5, 5)), ToTensor(Rows(12, 5, 6)));
        var order = tensor(new CounterRandom(9, RandomPurpose.Evaluation).Permutation(12).Select(i => (long)i).ToArray());
        double instance = InstanceLoss.Forward(v1, v2, T).ToDouble(), weak = Weak(v1, v2);
        Assert.Equal(instance, InstanceLoss.Forward(v2, v1, T).ToDouble(), 10);
        Assert.Equal(instance, InstanceLoss.Forward(v1.index_select(0, order), v2.index_select(0, order), T).ToDouble(), 10);
        Assert.Equal(weak, Weak(v2, v1), 10);
        Assert.Equal(weak, Weak(v1.index_select(0, order), v2.index_select(0, order)), 10);

        static double Weak(Tensor a, Tensor b) =>
            WeakLoss.Swapped(a, b, ConnectedComponents.OfNearestNeighbors(a), ConnectedComponents.OfNearestNeighbors(b), T, true).ToDouble();
    }

    [Fact]
    public void Gradients_EqualFiniteDifferences()
    {
        using var scope = NewDisposeScope();
        var (v1, v2) = (ToTensor(Rows(6, 4, 7)), ToTensor(Rows(6, 4, 8)));
        var (y1, y2) = (ConnectedComponents.OfNearestNeighbors(v1), ConnectedComponents.OfNearestNeighbors(v2));
        CheckGradient(v1, x => InstanceLoss.Forward(x, v2, T));
        CheckGradient(v1, x => WeakLoss.Swapped(x, v2, y1, y2, T, detachKeys: false));
        // With detached keys the loss is a function of anchors alone: the keys stay where they are.
        CheckGradient(v1, x => WeakLoss.Forward(x, v1, y2, 0, T));
    }

    [Fact]
    public void Instance_OfTwoShapes_IsRefusedWithBoth()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<ArgumentException>(() => InstanceLoss.Forward(ones(4, 3), ones(5, 3), T));
        Assert.Contains("[4, 3] and [5, 3]", error.Message, StringComparison.Ordinal);
    }
}
