using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Losses;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Losses;

/// <summary>What the public losses refuse, instead of a loss that is no number or an error of libtorch.</summary>
public sealed class LossArgumentsTests : IDisposable
{
    private const double T = 0.1;
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor a, b, pairs;

    public LossArgumentsTests() => (a, b, pairs) = (ToTensor(Rows(8, 4, 1)), ToTensor(Rows(8, 4, 2)), Labels(0, 0, 2, 2, 4, 4, 6, 6));

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(0), InlineData(-0.1), InlineData(double.NaN), InlineData(double.PositiveInfinity)]
    public void Temperature_ThatIsNotAboveZero_IsRefused(double temperature)
    {
        Action[] calls =
        [
            () => InstanceLoss.Forward(a, b, temperature), () => WeakLoss.OfGraphs(a, b, temperature, detachKeys: true), () => WeakLoss.OfBatch(a, pairs, temperature, detachKeys: true),
            () => WeakLoss.Swapped(a, b, pairs, pairs, temperature, detachKeys: true), () => SupConLoss.Forward(a, b, pairs, temperature),
        ];
        Assert.All(calls, call => Assert.Contains(FormattableString.Invariant($"Temperature {temperature} "), Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Views_OfTwoTypes_OrOfIntegers_AreRefused()
    {
        Assert.Contains("Float64 and Float32", Assert.Throws<ArgumentException>(() => InstanceLoss.Forward(a, b.to(ScalarType.Float32), T)).Message, StringComparison.Ordinal);
        Assert.Contains("Int64 and Int64", Assert.Throws<ArgumentException>(() => WeakLoss.OfGraphs(ones(8, 4, ScalarType.Int64), ones(8, 4, ScalarType.Int64), T, true)).Message, StringComparison.Ordinal);
        Assert.Contains("[8] Float64", Assert.Throws<ArgumentException>(() => WeakLoss.OfBatch(zeros(8, ScalarType.Float64), pairs, T, true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_ThatAreNone_AreRefused_AndLabelsOfIsNamed()
    {
        foreach (var wrong in new[] { Labels(8, 8, 2, 2, 4, 4, 6, 6), Labels(-1, -1, 2, 2, 4, 4, 6, 6) })
        {
            Action[] calls = [() => WeakLoss.OfBatch(a, wrong, T, true), () => WeakLoss.Swapped(a, b, pairs, wrong, T, true), () => SupConLoss.Forward(a, b, wrong, T)];
            Assert.All(calls, call => Assert.Contains("is none of 0 to 7; SupConLoss.LabelsOf", Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal));
        }

        Assert.Contains("[8] Int32", Assert.Throws<ArgumentException>(() => WeakLoss.OfBatch(a, pairs.to(ScalarType.Int32), T, true)).Message, StringComparison.Ordinal);
        Assert.Contains("[8], not [2]", Assert.Throws<ArgumentException>(() => WeakLoss.OfBatch(a, Labels(0, 0), T, true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALabelOfOneRow_IsRefusedWhereNoOtherViewIsAPositive()
    {
        var alone = Labels(0, 0, 2, 2, 4, 4, 6, 7);
        Assert.Contains("Label 6 has one row alone", Assert.Throws<ArgumentException>(() => WeakLoss.OfBatch(a, alone, T, true)).Message, StringComparison.Ordinal);
        Assert.Contains("Label 6 has one row alone", Assert.Throws<ArgumentException>(() => WeakLoss.Swapped(a, b, alone, pairs, T, true)).Message, StringComparison.Ordinal);
        Assert.True(double.IsFinite(SupConLoss.Forward(a, b, alone, T).ToDouble()));
    }

    [Fact]
    public void Null_IsRefusedByName()
    {
        Assert.Throws<ArgumentNullException>("a", () => InstanceLoss.Forward(null!, b, T));
        Assert.Throws<ArgumentNullException>("labels", () => WeakLoss.OfBatch(a, null!, T, true));
        Assert.Throws<ArgumentNullException>("classes", () => SupConLoss.LabelsOf(null!));
        Assert.Throws<ArgumentNullException>("next", () => ConnectedComponents.Label(null!));
    }

    [Fact]
    public void AGraph_OfAnotherShapeOrType_IsRefused()
    {
        Assert.Contains("[2, 2] Int64", Assert.Throws<ArgumentException>(() => ConnectedComponents.Label(zeros(2, 2, ScalarType.Int64))).Message, StringComparison.Ordinal);
        Assert.Contains("[3] Float32", Assert.Throws<ArgumentException>(() => ConnectedComponents.Label(zeros(3))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EmbeddingsOfIntegers_HaveNoNeighbours()
    {
        foreach (var type in new[] { ScalarType.Int64, ScalarType.Bool })
            Assert.Contains($"not [4, 4] {type}", Assert.Throws<ArgumentException>("embeddings", () => ConnectedComponents.OfNearestNeighbors(ones([4, 4], dtype: type))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Backpropagation_OfNoLoss_IsRefused()
    {
        Assert.Contains("A loss is one number, not [3]", Assert.Throws<ArgumentException>("loss", () => Backpropagation.Run(ones(3, requires_grad: true))).Message, StringComparison.Ordinal);
        Assert.Contains("carries no gradient", Assert.Throws<ArgumentException>("loss", () => Backpropagation.Run(ones(1))).Message, StringComparison.Ordinal);
    }

    private static Tensor Labels(params long[] labels) => tensor(labels);
}
