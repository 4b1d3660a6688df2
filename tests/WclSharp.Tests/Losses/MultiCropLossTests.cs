using TorchSharp;
using WclSharp.Losses;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Losses;

/// <summary>The terms of multi-crop against slow loops, limits and finite differences, in float64.</summary>
public class MultiCropLossTests
{
    private const double T = 0.1;

    private static double[][] Rows(int count, int dim, long seed)
    {
        var random = new CounterRandom(seed, RandomPurpose.Evaluation);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            double[] row = [.. Enumerable.Range(0, dim).Select(j => (double)random.Uniforms(0, (uint)i, (uint)j, 0).A - 0.5)];
            double norm = Math.Sqrt(row.Sum(x => x * x));
            return Array.ConvertAll(row, x => x / norm);
        })];
    }

    private static Tensor ToTensor(double[][] rows) => tensor(rows.SelectMany(r => r).ToArray(), [rows.Length, rows[0].Length]);

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    /// <summary>-log softmax over the keys, at one of them.</summary>
    private static double Nll(double[] query, double[][] keys, int positive) =>
        -Math.Log(Math.Exp(Dot(query, keys[positive]) / T) / keys.Sum(key => Math.Exp(Dot(query, key) / T)));

    private static double SlowInstance(double[][] crops, double[][] keys1, double[][] keys2, int count, int offset)
    {
        double[][] keys = [.. keys1, .. keys2];
        return crops.Select((crop, r) => (Nll(crop, keys, offset + r % count) + Nll(crop, keys, keys1.Length + offset + r % count)) / 2).Average();
    }

    private static double SlowWeak(double[][] crops, double[][] keys, long[] labels, int count, int offset) => crops.Select((crop, r) =>
        Enumerable.Range(0, keys.Length).Where(p => labels[p] == labels[offset + r % count]).Average(p => Nll(crop, keys, p))).Average();

    private static readonly long[] Labels1 = [0, 1, 0, 3, 1, 3, 3, 1], Labels2 = [2, 2, 2, 3, 4, 3, 4, 4];

    [Theory]
    [InlineData(1, 8, 0), InlineData(4, 8, 0), InlineData(3, 2, 0), InlineData(3, 3, 5)]
    public void Terms_EqualTheSlowLoops(int crops, int count, int offset)
    {
        using var scope = NewDisposeScope();
        var (u, k1, k2) = (Rows(crops * count, 5, 1), Rows(8, 5, 2), Rows(8, 5, 3));
        var (ut, t1, t2) = (ToTensor(u), ToTensor(k1), ToTensor(k2));
        Assert.Equal(SlowInstance(u, k1, k2, count, offset), MultiCropLoss.Instance(ut, t1, t2, count, offset, T)!.ToDouble(), 10);
        Assert.Equal(SlowWeak(u, k1, Labels2, count, offset), MultiCropLoss.Weak(ut, t1, tensor(Labels2), count, offset, T)!.ToDouble(), 10);
        Assert.Equal((SlowWeak(u, k1, Labels2, count, offset) + SlowWeak(u, k2, Labels1, count, offset)) / 2,
            MultiCropLoss.Swapped(ut, t1, t2, tensor(Labels1), tensor(Labels2), count, offset, T)!.ToDouble(), 10);
    }

    [Fact]
    public void Terms_OfIdenticalRows_AreLogsOfTheKeys()
    {
        using var scope = NewDisposeScope();
        var same = zeros(8, 4, ScalarType.Float64).index_fill(1, tensor(0L), 1);
        Assert.Equal(Math.Log(16), MultiCropLoss.Instance(same, same, same, 8, 0, T)!.ToDouble(), 10);
        Assert.Equal(Math.Log(8), MultiCropLoss.Weak(same, same, tensor(Labels1), 8, 0, T)!.ToDouble(), 10);
    }

    [Fact]
    public void Weak_EveryImageAlone_IsCrossEntropyOfTheImages()
    {
        using var scope = NewDisposeScope();
        var (u, k) = (ToTensor(Rows(16, 5, 4)), ToTensor(Rows(8, 5, 5)));
        var own = arange(8).repeat(2);
        double expected = nn.functional.cross_entropy(u.matmul(k.T).div(T), own).ToDouble();
        Assert.Equal(expected, MultiCropLoss.Weak(u, k, arange(8), 8, 0, T)!.ToDouble(), 10);
    }

    [Fact]
    public void Terms_WithoutCrops_AreNone()
    {
        using var scope = NewDisposeScope();
        var keys = ToTensor(Rows(8, 5, 6));
        var nothing = zeros([0, 5], ScalarType.Float64);
        Assert.Null(MultiCropLoss.Instance(nothing, keys, keys, 8, 0, T));
        Assert.Null(MultiCropLoss.Weak(nothing, keys, tensor(Labels1), 8, 0, T));
        Assert.Null(MultiCropLoss.Swapped(nothing, keys, keys, tensor(Labels1), tensor(Labels2), 8, 0, T));
    }

    [Fact]
    public void Gradients_EqualFiniteDifferences_OfCropsAndOfKeys()
    {
        using var scope = NewDisposeScope();
        var (u, k1, k2) = (ToTensor(Rows(6, 4, 7)), ToTensor(Rows(8, 4, 8)), ToTensor(Rows(8, 4, 9)));
        var (y1, y2) = (tensor(Labels1), tensor(Labels2));
        Check(u, x => MultiCropLoss.Instance(x, k1, k2, 3, 2, T)!);
        Check(k1, x => MultiCropLoss.Instance(u, x, k2, 3, 2, T)!);
        Check(k2, x => MultiCropLoss.Instance(u, k1, x, 3, 2, T)!);
        Check(u, x => MultiCropLoss.Swapped(x, k1, k2, y1, y2, 3, 2, T)!);
        Check(k1, x => MultiCropLoss.Swapped(u, x, k2, y1, y2, 3, 2, T)!);
        Check(k2, x => MultiCropLoss.Swapped(u, k1, x, y1, y2, 3, 2, T)!);

        static void Check(Tensor at, Func<Tensor, Tensor> loss)
        {
            var x = at.clone().requires_grad_();
            loss(x).backward();
            var analytic = x.grad!.data<double>().ToArray();
            Assert.Contains(analytic, g => Math.Abs(g) > 1e-3);
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
    }

    [Fact]
    public void Terms_OfShapesThatDoNotFit_AreRefused()
    {
        using var scope = NewDisposeScope();
        var keys = ones(8, 5);
        Assert.Contains("[6, 4] and [8, 5]", Assert.Throws<ArgumentException>(() => MultiCropLoss.Instance(ones(6, 4), keys, keys, 3, 0, T)).Message, StringComparison.Ordinal);
        Assert.Contains("[8, 5] and [7, 5]", Assert.Throws<ArgumentException>(() => MultiCropLoss.Instance(ones(6, 5), keys, ones(7, 5), 3, 0, T)).Message, StringComparison.Ordinal);
        Assert.Contains("7 crops", Assert.Throws<ArgumentException>(() => MultiCropLoss.Weak(ones(7, 5), keys, tensor(Labels1), 3, 0, T)).Message, StringComparison.Ordinal);
        Assert.Contains("Images 6 to 8", Assert.Throws<ArgumentException>(() => MultiCropLoss.Weak(ones(6, 5), keys, tensor(Labels1), 3, 6, T)).Message, StringComparison.Ordinal);
        Assert.Contains("[2] for 8 keys", Assert.Throws<ArgumentException>(() => MultiCropLoss.Weak(ones(6, 5), keys, tensor(new long[] { 0, 1 }), 3, 0, T)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Terms_LeaveNoTensorsBehind()
    {
        using var u = ToTensor(Rows(6, 4, 1));
        using var k = ToTensor(Rows(8, 4, 2));
        using var y = tensor(Labels1);
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int i = 0; i < 3; i++)
            {
                MultiCropLoss.Instance(u, k, k, 3, 0, T)!.Dispose();
                MultiCropLoss.Swapped(u, k, k, y, y, 3, 0, T)!.Dispose();
            }
        });
    }

    [Fact]
    public void WholeBatches_EqualTheSlowLoops_AlsoOfCropsThatAreNotContiguous()
    {
        using var scope = NewDisposeScope();
        var (u, k1, k2) = (Rows(24, 5, 1), Rows(8, 5, 2), Rows(8, 5, 3));
        var (ut, t1, t2) = (ToTensor(u).T.contiguous().T, ToTensor(k1), ToTensor(k2));
        Assert.False(ut.is_contiguous());
        Assert.Equal(SlowInstance(u, k1, k2, 8, 0), MultiCropLoss.Instance(ut, t1, t2, T).ToDouble(), 10);
        Assert.Equal(SlowWeak(u, k1, Labels2, 8, 0), MultiCropLoss.Weak(ut, t1, tensor(Labels2), T).ToDouble(), 10);
        Assert.Equal((SlowWeak(u, k1, Labels2, 8, 0) + SlowWeak(u, k2, Labels1, 8, 0)) / 2, MultiCropLoss.Swapped(ut, t1, t2, tensor(Labels1), tensor(Labels2), T).ToDouble(), 10);
    }

    [Fact]
    public void WholeBatches_OfWrongArguments_AreRefused()
    {
        using var scope = NewDisposeScope();
        Tensor keys = ones(8, 5), crops = ones(16, 5), labels = tensor(Labels1);
        Refused("There are no crops", () => MultiCropLoss.Instance(zeros(0, 5), keys, keys, T));
        Refused("15 crops", () => MultiCropLoss.Instance(ones(15, 5), keys, keys, T));
        Refused("[16, 4] and [8, 5]", () => MultiCropLoss.Weak(ones(16, 4), keys, labels, T));
        Refused("Float64 and Float32", () => MultiCropLoss.Instance(crops.to(ScalarType.Float64), keys, keys, T));
        Refused("Temperature 0", () => MultiCropLoss.Instance(crops, keys, keys, 0));
        Refused("Temperature NaN", () => MultiCropLoss.Swapped(crops, keys, keys, labels, labels, double.NaN));
        Refused("int64 labels of shape [8], not [2]", () => MultiCropLoss.Weak(crops, keys, tensor(new long[] { 0, 1 }), T));
        Refused("Label 8 is none of 0 to 7", () => MultiCropLoss.Swapped(crops, keys, keys, labels, labels.add(5), T));
        Assert.Throws<ArgumentNullException>("crops", () => MultiCropLoss.Instance(null!, keys, keys, T));
        Assert.Throws<ArgumentNullException>("labels", () => MultiCropLoss.Weak(crops, keys, null!, T));

        static void Refused(string saying, Action call) => Assert.Contains(saying, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
    }
}
