using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Losses;

/// <summary>The tiled sum against libtorch's over the whole product, at sizes of several tiles.</summary>
public class MeanLogPartitionTests
{
    private const double T = 0.1;
    private const int Rows = 200, Keys = 9000, Width = 4;

    private static Tensor Unit(int rows, int seed) =>
        nn.functional.normalize(new ParameterInitializer(seed).Normal([rows, Width], 1).to(ScalarType.Float64));

    private static Tensor Whole(Tensor anchors, Tensor keys, params OwnKeys[] own)
    {
        var logits = anchors.matmul(keys.T) / T;
        var mask = zeros(logits.shape, ScalarType.Bool);
        foreach (var block in own)
            for (long i = 0; i < block.Count; i++) mask[block.Row + i, block.Column + i] = true;
        return logits.masked_fill(mask, double.NegativeInfinity).logsumexp(1).mean();
    }

    private static readonly OwnKeys[] Own = [new(0, 40, 100), new(100, 8900, 100)];

    [Fact]
    public void Tiles_CoverEveryRowOnce()
    {
        var tiles = RowTiles.Of(Rows, Keys, ScalarType.Float64, CPU).ToArray();
        Assert.True(tiles.Length > 2, "The tests below need several tiles.");
        Assert.Equal(Enumerable.Range(0, Rows).Select(i => (long)i), tiles.SelectMany(tile => Enumerable.Range((int)tile.Start, (int)tile.Count).Select(i => (long)i)));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Of_SeveralTiles_HasTheValueAndGradientsOfTheWhole(bool anchorGradient, bool keyGradient)
    {
        using var scope = NewDisposeScope();
        (double Value, double[]? Anchor, double[]? Key) Run(Func<Tensor, Tensor, OwnKeys[], Tensor> loss)
        {
            var (anchors, keys) = (Unit(Rows, 1).requires_grad_(anchorGradient), Unit(Keys, 2).requires_grad_(keyGradient));
            var value = loss(anchors, keys, Own);
            (value * 3).backward(); // what comes from above is not 1
            return (value.ToDouble(), anchors.grad?.data<double>().ToArray(), keys.grad?.data<double>().ToArray());
        }

        var (expected, actual) = (Run(Whole), Run((anchors, keys, own) => MeanLogPartition.Of(anchors, keys, T, own)));

        Assert.Equal(expected.Value, actual.Value, 1e-12);
        Assert.Equal((anchorGradient, keyGradient), (actual.Anchor is not null, actual.Key is not null));
        Near(expected.Anchor, actual.Anchor);
        Near(expected.Key, actual.Key);

        static void Near(double[]? expected, double[]? actual)
        {
            if (expected is null) return;
            double largest = expected.Max(Math.Abs);
            Assert.All(expected.Zip(actual!), pair => Assert.Equal(pair.First, pair.Second, largest * 1e-10));
        }
    }

    [Fact]
    public void Of_AnchorsThatAreTheKeys_GetBothGradients()
    {
        using var scope = NewDisposeScope();
        OwnKeys all = new(0, 0, Rows);
        var (one, other) = (Unit(Rows, 3).requires_grad_(), Unit(Rows, 3).requires_grad_());
        Whole(one, one, all).backward();
        MeanLogPartition.Of(other, other, T, all).backward();
        Assert.Equal(one.grad!.data<double>().ToArray(), other.grad!.data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Of_AStepAfterAnother_LeavesNoTensorBehind()
    {
        using var keys = Unit(Keys, 2);
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int i = 0; i < 3; i++)
            {
                using var scope = NewDisposeScope();
                using var anchors = Unit(Rows, 1).requires_grad_();
                MeanLogPartition.Of(anchors, keys, T).backward();
                AutogradMemory.FreeReturned();
                anchors.grad!.Dispose();
            }
        });
    }

    [Fact]
    public void Nearest_SeveralTiles_IsThatOfTheWhole()
    {
        using var scope = NewDisposeScope();
        const int Many = 3000;
        Assert.True(RowTiles.Of(Many, Many, ScalarType.Float64, CPU).Count() > 2);
        var rows = Unit(Many, 5);
        var similarity = rows.matmul(rows.T);
        similarity.diagonal().fill_(double.NegativeInfinity);
        Assert.Equal(similarity.argmax(1).data<long>().ToArray(), NearestNeighborGraph.Nearest(rows).data<long>().ToArray());
    }
}
