using TorchSharp;
using WclSharp.Heads;
using static TorchSharp.torch;

namespace WclSharp.Tests.Encoders;

/// <summary>What the projection head refuses, instead of an error of libtorch.</summary>
public sealed class ProjectionHeadTests
{
    [Fact]
    public void Widths_ThatCannotBe_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>("features", () => new ProjectionHead(0, 8, 8, seed: 1));
        Assert.Throws<ArgumentOutOfRangeException>("hidden", () => new ProjectionHead(8, -1, 8, seed: 1));
        Assert.Throws<ArgumentOutOfRangeException>("output", () => new ProjectionHead(8, 8, 0, seed: 1));
        Assert.Contains("widths 8, 65,536 and 8", Assert.Throws<ArgumentException>("hidden", () => new ProjectionHead(8, 65_536, 8, seed: 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Features_OfAnotherShapeOrType_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var head = new ProjectionHead(8, 4, 2, seed: 1);
        Assert.Throws<ArgumentNullException>("x", () => head.call(null!));
        foreach (var (features, message) in new[] { (zeros(8), "[8] Float32"), (zeros(3, 9), "[3, 9] Float32"), (zeros([3, 8], dtype: ScalarType.Int64), "[3, 8] Int64") })
            Assert.Contains($"Features are {message}; expected [N, 8]", Assert.Throws<ArgumentException>("x", () => head.call(features)).Message, StringComparison.Ordinal);
        Assert.Equal([3L, 2L], head.call(ones(3, 8)).shape);
    }
}
