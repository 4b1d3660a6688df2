using TorchSharp;
using WclSharp.Evaluation;
using WclSharp.Graphs;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Evaluation;

public class FeatureQualityTests
{
    [Fact]
    public void EffectiveRank_OfEqualFeatures_IsOne()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(1, FeatureQuality.EffectiveRank(ones(20, 6)), 6);
    }

    [Fact]
    public void EffectiveRank_OfALine_IsOne()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(1, FeatureQuality.EffectiveRank(arange(20).to(ScalarType.Float32).unsqueeze(1).mul(ones(1, 6))), 4);
    }

    [Fact]
    public void EffectiveRank_OfIsotropicFeatures_IsTheirDimension()
    {
        using var scope = NewDisposeScope();
        var features = new ParameterInitializer(2).Normal([20_000, 8], 1);
        Assert.Equal(8, FeatureQuality.EffectiveRank(features), 0.02);
        Assert.Equal(8, FeatureQuality.EffectiveRank(features.add(3)), 0.02); // wherever they lie
    }

    [Fact]
    public void WeakLabelStatistics_OfAKnownPartition_AreCounted()
    {
        using var scope = NewDisposeScope();
        // Components {0, 1, 2, 3} (classes 0 0 1 and unknown), {4, 5} (classes 1 1).
        var statistics = WeakLabelStatistics.Measure(tensor(new long[] { 1, 1, 1, 1, 5, 5 }), tensor(new long[] { 0, 0, 1, -1, 1, 1 }), 2);
        Assert.Equal(2, statistics.Components.ToDouble());
        Assert.Equal(4 / 6.0, statistics.LargestShare.ToDouble(), 6);
        Assert.Equal((4, 5), (statistics.Pure!.ToDouble(), statistics.Known!.ToDouble()));
        Assert.Null(WeakLabelStatistics.Measure(tensor(new long[] { 1, 1 }), null, 0).Pure);
    }
}
