using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Losses;

/// <summary>Tiles of rows among themselves against the whole product in float64, at sizes that no tile divides.</summary>
public class SelfPartitionTests
{
    private const double T = 0.1;

    private static Tensor[] Views(int views, int rows, int width, ScalarType type) =>
        [.. Enumerable.Range(0, views).Select(view => nn.functional.normalize(new ParameterInitializer(view + 1).Normal([rows, width], 1).to(ScalarType.Float64)).to(type))];

    /// <summary>log-sum-exp of the whole product, gradient by autograd through anchors or both sides.</summary>
    private static (double Mean, double[][] Gradients) Whole(Tensor[] views, bool both)
    {
        var leaves = views.Select(view => view.to(ScalarType.Float64).detach().clone().requires_grad_()).ToArray();
        var rows = cat(leaves);
        var logits = rows.matmul((both ? rows : rows.detach()).T) / T;
        var mean = logits.masked_fill(eye(rows.shape[0], dtype: ScalarType.Bool), double.NegativeInfinity).logsumexp(1).mean();
        mean.backward();
        return (mean.ToDouble(), [.. leaves.Select(leaf => leaf.grad!.data<double>().ToArray())]);
    }

    private static double[] Doubles(Tensor tensor) => tensor.to(ScalarType.Float64).data<double>().ToArray();

    [Theory]
    [InlineData(1, 2, 3, 8), InlineData(2, 2, 3, 8), InlineData(1, 8, 5, 8), InlineData(1, 9, 5, 8), InlineData(2, 37, 6, 8), InlineData(1, 100, 16, 33)]
    [InlineData(2, 130, 20, 64), InlineData(1, 777, 7, 96), InlineData(2, 600, 8, SelfPartition.DefaultSide), InlineData(1, 67, 128, 1)]
    public void Compute_IsTheWhole(int views, int rows, int width, int side)
    {
        using var scope = NewDisposeScope();
        foreach (var (type, tolerance) in new[] { (ScalarType.Float64, 1e-12), (ScalarType.Float32, 2e-6) })
            foreach (bool both in new[] { true, false })
            {
                var z = Views(views, rows, width, type);
                var expected = Whole(z, both);
                var actual = SelfPartition.Compute(z, T, both ? PartitionGradient.Both : PartitionGradient.Anchors, nearest: true, side);

                Assert.Equal(type, actual.Mean.dtype);
                Assert.Equal(expected.Mean, actual.Mean.to(ScalarType.Float64).ToDouble(), tolerance * Math.Abs(expected.Mean) + tolerance);
                double largest = expected.Gradients.Max(gradient => gradient.Max(Math.Abs));
                for (int view = 0; view < views; view++)
                    Assert.All(expected.Gradients[view].Zip(Doubles(actual.Gradients![view])), pair => Assert.Equal(pair.First, pair.Second, largest * 10 * tolerance));
                Assert.Equal(NearestNeighborGraph.Nearest(cat(z)).data<long>().ToArray(), actual.Nearest!.data<long>().ToArray());

                var valueOnly = SelfPartition.Compute(z, T, PartitionGradient.None, nearest: false, side);
                Assert.Equal(expected.Mean, valueOnly.Mean.to(ScalarType.Float64).ToDouble(), tolerance * Math.Abs(expected.Mean) + tolerance);
                Assert.Null(valueOnly.Gradients);
                Assert.Null(valueOnly.Nearest);
            }
    }

    [Theory]
    [InlineData(ScalarType.Float32), InlineData(ScalarType.Float64)]
    public void Compute_OfEqualRows_TakesTheFirstAndNeverTheRowItself(ScalarType type)
    {
        using var scope = NewDisposeScope();
        // Products of these rows are exact, whatever the tile: four kinds of rows, in turn, and one that is alone.
        const int Count = 83;
        var rows = zeros(Count, 8, type);
        for (int i = 0; i < Count; i++) rows[i, i == 40 ? 5 : i % 4] = 1;
        var expected = Enumerable.Range(0, Count).Select(i => i == 40 ? 0 : (long)Enumerable.Range(0, Count).First(k => k != i && k != 40 && k % 4 == i % 4)).ToArray();
        foreach (int side in new[] { 4, 16, 30, 512 })
            Assert.Equal(expected, SelfPartition.Compute([rows], T, PartitionGradient.None, nearest: true, side).Nearest!.data<long>().ToArray());
    }

    [Fact]
    public void Compute_OnOtherThreads_DiffersInRoundingAlone_AndNotBetweenCalls()
    {
        using var scope = NewDisposeScope();
        var z = Views(2, 500, 32, ScalarType.Float32);
        int threads = get_num_threads();
        try
        {
            SelfPartition Run(int count)
            {
                set_num_threads(count);
                return SelfPartition.Compute(z, T, PartitionGradient.Both, nearest: true, side: 96);
            }

            var (one, again, two, twoAgain) = (Run(1), Run(1), Run(2), Run(2));
            Assert.Equal(Bits(one), Bits(again));
            Assert.Equal(Bits(two), Bits(twoAgain));
            Assert.All(Bits(one).Zip(Bits(two)), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
            Assert.Equal(one.Nearest!.data<long>().ToArray(), two.Nearest!.data<long>().ToArray());
        }
        finally
        {
            set_num_threads(threads);
        }

        static float[] Bits(SelfPartition partition) =>
            [partition.Mean.ToSingle(), .. partition.Gradients!.SelectMany(gradient => gradient.data<float>().ToArray())];
    }

    [Fact]
    public void Exponentials_AreThoseOfFloat64()
    {
        using var scope = NewDisposeScope();
        const int Count = 4001;
        // One product a column: x from -1 to 1, x / t - c from -64 to 0.
        var x = linspace(-1, 1, Count, ScalarType.Float32);
        using var exponent = new SimilarityExponent(32, 32);
        var tile = new SimilarityTile(zeros(SimilarityTile.Room(1, Count)), exponent);
        var (rows, columns) = (zeros(1, ScalarType.Float64), zeros(Count, ScalarType.Float64));
        tile.Fill(ones(1, 1), x.unsqueeze(1), self: false);
        tile.Sum(keep: true, VectorSlice.Of(rows), VectorSlice.Of(columns));
        var expected = Doubles(x).Select(value => Math.Exp(value * 32 - 32)).ToArray();
        Assert.All(expected.Zip(Doubles(tile.Values)), pair => Assert.Equal(1, pair.Second / pair.First, 4e-6));
        Assert.Equal(Doubles(tile.Values), Doubles(columns));
        Assert.Equal(expected.Sum(), rows.data<double>()[0], expected.Sum() * 2e-6);
    }

    [Fact]
    public void Suits_RowsOfUnitLengthUnlessTheTemperatureIsLow()
    {
        using var scope = NewDisposeScope();
        var z = Views(1, 5, 3, ScalarType.Float32)[0];
        Assert.True(SelfPartition.Suits(0.1, z));
        Assert.False(SelfPartition.Suits(0.01, z));
        Assert.False(SelfPartition.Suits(0.1, z * 3));
        Assert.False(SelfPartition.Suits(0.1, z * float.NaN));
        Assert.False(SelfPartition.Suits(0.1, z.to(ScalarType.BFloat16)));
    }

    [Theory]
    [InlineData(0.01), InlineData(0.1)]
    public void Losses_AtAnyTemperature_AreThoseOfGivenKeys(double temperature)
    {
        using var scope = NewDisposeScope();
        foreach (var (type, digits) in new[] { (ScalarType.Float64, 1e-9), (ScalarType.Float32, 1e-4) })
        {
            var z = Views(2, 40, 6, type);
            var (z1, z2) = (z[0], z[1]);
            Compare((a, b) => InstanceLoss.Forward(a, b, temperature), (a, b) => InstanceLoss.Forward(a, b, a, b, 0, temperature));
            var (y1, y2) = (ConnectedComponents.OfNearestNeighbors(z1), ConnectedComponents.OfNearestNeighbors(z2));
            foreach (bool detach in new[] { true, false })
                foreach (bool swap in new[] { true, false })
                {
                    Tensor Given(Tensor rows, Tensor labels) => WeakLoss.Forward(rows, detach ? rows.detach() : rows, labels, 0, temperature);
                    Compare(
                        (a, b) => WeakLoss.OfGraphs(a, b, temperature, detach, swap).Loss,
                        (a, b) => (Given(a, swap ? y2 : y1) + Given(b, swap ? y1 : y2)) / 2);
                    var (_, labels1, labels2) = WeakLoss.OfGraphs(z1, z2, temperature, detach, swap);
                    Assert.Equal(y1.data<long>().ToArray(), labels1.data<long>().ToArray());
                    Assert.Equal(y2.data<long>().ToArray(), labels2.data<long>().ToArray());
                }

            void Compare(Func<Tensor, Tensor, Tensor> actual, Func<Tensor, Tensor, Tensor> expected)
            {
                var (left, right) = (Run(actual), Run(expected));
                Assert.Equal(right[0], left[0], digits * Math.Max(1, right[0]));
                double largest = right.Skip(1).Max(Math.Abs);
                Assert.All(right.Skip(1).Zip(left.Skip(1)), pair => Assert.Equal(pair.First, pair.Second, digits * largest));
            }

            double[] Run(Func<Tensor, Tensor, Tensor> loss)
            {
                var (a, b) = (z1.clone().requires_grad_(), z2.clone().requires_grad_());
                var value = loss(a, b);
                (value * 3).backward(); // what comes from above is not 1
                return [value.to(ScalarType.Float64).ToDouble(), .. Doubles(a.grad!), .. Doubles(b.grad!)];
            }
        }
    }

    [Fact]
    public void Instance_OfOneViewWithGradient_GivesThatOne()
    {
        using var scope = NewDisposeScope();
        var z = Views(2, 12, 4, ScalarType.Float64);
        var (a, b) = (z[0].clone().requires_grad_(), z[1].clone());
        InstanceLoss.Forward(z[1], a, T).backward();
        var leaf = z[0].clone().requires_grad_();
        InstanceLoss.Forward(z[1], leaf, z[1], leaf, 0, T).backward();
        Assert.Null(b.grad);
        Assert.All(Doubles(leaf.grad!).Zip(Doubles(a.grad!)), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
    }

    [Theory]
    [InlineData(ScalarType.Float32), InlineData(ScalarType.Float64)]
    public void Steps_LeaveNoTensorBehind(ScalarType type)
    {
        var z = Views(2, 50, 4, type);
        LiveTensors.OnOwnThread(() =>
        {
            Step(0); // takes the workspace's memory, which stays
            long before = LiveTensors.Count;
            for (int i = 0; i < 3; i++) Step(i);
            Assert.Equal(before, LiveTensors.Count);
        });

        void Step(int i)
        {
            using var scope = NewDisposeScope();
            using Tensor a = z[0].clone().requires_grad_(), b = z[1].clone().requires_grad_();
            (InstanceLoss.Forward(a, b, T) + WeakLoss.OfGraphs(a, b, T, detachKeys: i == 0).Loss).backward();
            AutogradMemory.FreeReturned();
            a.grad!.Dispose();
            b.grad!.Dispose();
        }
    }
}
