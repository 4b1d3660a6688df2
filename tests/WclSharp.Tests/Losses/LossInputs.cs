using TorchSharp;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Losses;

/// <summary>Inputs of losses in float64, and the checks that every loss gets.</summary>
internal static class LossInputs
{
    /// <summary>Rows of unit length.</summary>
    public static double[][] Rows(int count, int dim, long seed)
    {
        var random = new CounterRandom(seed, RandomPurpose.Evaluation);
        var rows = new double[count][];
        for (int i = 0; i < count; i++)
        {
            rows[i] = [.. Enumerable.Range(0, dim).Select(j => (double)random.Uniforms(0, (uint)i, (uint)j, 0).A - 0.5)];
            double norm = Math.Sqrt(rows[i].Sum(x => x * x));
            for (int j = 0; j < dim; j++) rows[i][j] /= norm;
        }
        return rows;
    }

    /// <summary>[2n, 2n] at random, false between the two rows of an image and within a row.</summary>
    public static bool[,] Sets(int n, double share, long seed)
    {
        var random = new CounterRandom(seed, RandomPurpose.Evaluation);
        var sets = new bool[2 * n, 2 * n];
        for (int a = 0; a < 2 * n; a++)
            for (int b = 0; b < 2 * n; b++) sets[a, b] = a % n != b % n && random.Uniforms(1, (uint)a, (uint)b, 0).A < share;
        return sets;
    }

    public static Tensor ToTensor(double[][] rows) => tensor(rows.SelectMany(r => r).ToArray(), [rows.Length, rows[0].Length]);

    public static Tensor ToTensor(bool[,] sets) => tensor(sets.Cast<bool>().ToArray(), [sets.GetLength(0), sets.GetLength(1)]);

    public static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    /// <summary>The gradient at a point against finite differences.</summary>
    public static void CheckGradient(Tensor at, Func<Tensor, Tensor> loss)
    {
        using var scope = NewDisposeScope();
        var x = at.clone().requires_grad_();
        loss(x).backward();
        var analytic = x.grad!.data<double>().ToArray();
        for (int i = 0; i < analytic.Length; i++)
        {
            double At(double delta)
            {
                var moved = at.clone();
                moved.view(-1)[i] += delta;
                return loss(moved).ToDouble();
            }
            Assert.Equal((At(1e-6) - At(-1e-6)) / 2e-6, analytic[i], 5);
        }
    }

    /// <summary>That a call leaves its result and nothing else.</summary>
    public static void CheckLeavesOne(Func<Tensor> call)
    {
        Tensor? result = null;
        LiveTensors.AssertLeftBy(1, () => result = call());
        result!.Dispose();
    }
}
