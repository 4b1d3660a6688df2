using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Reporting;

public sealed class QualityWarningsTests
{
    [Fact]
    public void Of_HealthyEpoch_IsEmpty() =>
        Assert.Empty(QualityWarnings.Of(new EpochMetrics { Epoch = 3, LargestComponent = 0.1, EffectiveRank = 40, InstanceLoss = 4 }, 128, 2048));

    [Fact]
    public void Of_GiantComponent_SaysItsShareAndWhatToDo()
    {
        string warning = Assert.Single(QualityWarnings.Of(new EpochMetrics { Epoch = 3, LargestComponent = 0.73 }, 128, 2048));

        Assert.Contains("73", warning);
        Assert.Contains("--batch", warning);
    }

    [Theory]
    [InlineData(2.9, 128, 2048, true)] // below three in any case
    [InlineData(3.1, 128, 2048, false)]
    [InlineData(30, 2048, 2048, true)] // below 2 % of 2048
    [InlineData(60, 2048, 2048, false)]
    [InlineData(1.98, 32, 12, false)] // 12 images have 11 at most
    [InlineData(11, 2048, 41, false)]
    [InlineData(1.05, 32, 12, true)]
    public void Of_LowEffectiveRank_IsCalledCollapse(double rank, int dimension, int images, bool warns) =>
        Assert.Equal(warns, QualityWarnings.Of(new EpochMetrics { Epoch = 1, EffectiveRank = rank }, dimension, images).Count == 1);

    [Theory]
    [InlineData(-0.03, true)]
    [InlineData(-0.11, false)]
    [InlineData(-0.69, false)] // two groups, each in one point, at right angles
    [InlineData(null, false)]
    public void Of_UniformityNearZero_IsCalledCollapse(double? uniformity, bool warns) =>
        Assert.Equal(warns, QualityWarnings.Of(new EpochMetrics { Epoch = 1, Uniformity = uniformity }, 128, 2048).Any(text => text.StartsWith("The uniformity of the projections is -0.03, where 0 is", StringComparison.Ordinal)));

    [Fact]
    public void Of_CollapseByRankAndUniformity_IsSaidOnce() =>
        Assert.Contains("use about 1.1 of 128 dimensions", Assert.Single(QualityWarnings.Of(new EpochMetrics { Epoch = 1, EffectiveRank = 1.1, Uniformity = -0.001 }, 128, 2048)), StringComparison.Ordinal);

    [Fact]
    public void Of_UntrainedNetwork_IsEmpty() =>
        Assert.Empty(QualityWarnings.Of(new EpochMetrics { Epoch = 0, EffectiveRank = 1, LargestComponent = 1, Uniformity = 0 }, 128, 2048));
}
