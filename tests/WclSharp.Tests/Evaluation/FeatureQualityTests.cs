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

    [Fact]
    public void AlignmentAndUniformity_EqualTheSlowLoops()
    {
        using var scope = NewDisposeScope();
        const int N = 300, D = 5;
        Tensor first = nn.functional.normalize(new ParameterInitializer(3).Normal([N, D], 1)), second = nn.functional.normalize(first.add(new ParameterInitializer(4).Normal([N, D], 0.2)));
        float[] a = first.data<float>().ToArray(), b = second.data<float>().ToArray();
        double Apart(float[] x, int i, float[] y, int j) => Enumerable.Range(0, D).Sum(d => Math.Pow(x[i * D + d] - y[j * D + d], 2));
        double alignment = Enumerable.Range(0, N).Average(i => Apart(a, i, b, i)), sum = 0;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) sum += i == j ? 0 : Math.Exp(-2 * Apart(a, i, a, j));
        Assert.Equal(alignment, FeatureQuality.Alignment(first, second), 1e-5);
        Assert.Equal(Math.Log(sum / (N * (N - 1))), FeatureQuality.Uniformity(first), 1e-5);
        Assert.Equal(FeatureQuality.Uniformity(first), FeatureQuality.Uniformity(first.to(ScalarType.BFloat16)), 0.01); // as products of float32
        Assert.Equal((0, 0), (FeatureQuality.Alignment(first, first), Math.Round(FeatureQuality.Uniformity(first[..1].repeat(4, 1)), 5)));
    }

    [Fact]
    public void WrongArguments_AreRefusedByName()
    {
        using var scope = NewDisposeScope();
        var rows = nn.functional.normalize(ones(4, 3));
        Refused("features", () => FeatureQuality.EffectiveRank(ones(4)), "[4] Float32");
        Refused("features", () => FeatureQuality.EffectiveRank(ones(0, 4)), "[0, 4]");
        Refused("features", () => FeatureQuality.EffectiveRank(ones(4, 3).mul(double.NaN)), "not finite");
        Refused("features", () => FeatureQuality.EffectiveRank(ones(4, 3, ScalarType.Int64)), "Int64");
        Refused("features", () => FeatureQuality.Uniformity(rows[..1]), "2 rows or more");
        Refused("features", () => FeatureQuality.Uniformity(ones(4, 3)), "Row 0 has length 1.732");
        Refused("first", () => FeatureQuality.Alignment(rows.mul(double.NaN), rows), "length NaN");
        Refused("second", () => FeatureQuality.Alignment(rows, cat([rows[..1], ones(1, 3), rows[..2]])), "Row 1 has");
        Refused("second", () => FeatureQuality.Alignment(rows, rows[..3]), "[4, 3] Float32 and [3, 3]");
        Assert.Throws<ArgumentNullException>("second", () => FeatureQuality.Alignment(rows, null!));

        static void Refused(string name, Action call, string saying)
        {
            var error = Assert.ThrowsAny<ArgumentException>(call);
            Assert.Equal(name, error.ParamName);
            Assert.Contains(saying, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Calls_LeaveNoTensorBehind() => LiveTensors.AssertNoneLeftBy(() =>
    {
        using var rows = eye(4);
        FeatureQuality.EffectiveRank(rows);
        FeatureQuality.Alignment(rows, rows);
        FeatureQuality.Uniformity(rows);
    });

    [Fact]
    public void Uniformity_OfRowsOfUnitLengthButForRounding_IsThatOfUnitRows()
    {
        using var scope = NewDisposeScope();
        var opposite = tensor(new[,] { { 0.985f, 0f }, { -0.985f, 0f } });
        Assert.Equal(-8, FeatureQuality.Uniformity(opposite), 1e-3);
        Assert.Equal(4, FeatureQuality.Alignment(opposite.narrow(0, 0, 1), opposite.narrow(0, 1, 1)), 1e-5);
    }
}
