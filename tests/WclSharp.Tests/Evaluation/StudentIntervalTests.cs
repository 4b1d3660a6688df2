using WclSharp.Evaluation;

namespace WclSharp.Tests.Evaluation;

public sealed class StudentIntervalTests
{
    /// <summary>The 0.975 quantiles of every table of Student's t.</summary>
    [Theory]
    [InlineData(1, 12.7062), InlineData(2, 4.30265), InlineData(3, 3.18245), InlineData(4, 2.77645), InlineData(9, 2.26216)]
    [InlineData(10, 2.22814), InlineData(30, 2.04227), InlineData(100, 1.98397), InlineData(100_000, 1.95999)]
    public void Quantile_IsThatOfTheTables(int degreesOfFreedom, double t) =>
        Assert.Equal(t, StudentInterval.Quantile(degreesOfFreedom), 5e-5 * t);

    [Fact]
    public void Of_ThreeValues_IsMeanAndTTimesTheStandardError()
    {
        // 1, 2, 3: sample deviation 1, so t / sqrt(3).
        var interval = StudentInterval.Of([1, 2, 3])!;
        Assert.Equal(2, interval.Mean, 12);
        Assert.Equal(4.30265 / Math.Sqrt(3), interval.HalfWidth!.Value, 1e-4);
    }

    [Fact]
    public void Of_OneValue_HasNoInterval() => Assert.Equal(new StudentInterval(0.5, null), StudentInterval.Of([0.5, null]));

    [Fact]
    public void Of_ValuesThatAreAllTheSame_HasNoInterval_RatherThanOneOfNoWidth()
    {
        Assert.Null(StudentInterval.Of([0.51 - 0.53, 0.57 - 0.59])!.HalfWidth); // equal but for rounding
        Assert.NotNull(StudentInterval.Of([0.5, 0.5, 0.500001])!.HalfWidth);
    }

    [Fact]
    public void Of_NoValue_IsNull() => Assert.Null(StudentInterval.Of([null, null]));
}
