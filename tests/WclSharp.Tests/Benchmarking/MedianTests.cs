using WclSharp.Benchmarking;

namespace WclSharp.Tests.Benchmarking;

public sealed class MedianTests
{
    [Theory]
    [InlineData(2, new double[] { 3, 1, 2 }), InlineData(2.5, new double[] { 4, 1, 3, 2 }), InlineData(7, new double[] { 7 })]
    public void Of_Values_IsTheMiddleOne_OrHalfwayBetweenTwo(double median, double[] values) => Assert.Equal(median, Median.Of(values));

    [Fact]
    public void Of_NoValues_IsRefused() => Assert.Throws<ArgumentException>(() => Median.Of([]));
}
