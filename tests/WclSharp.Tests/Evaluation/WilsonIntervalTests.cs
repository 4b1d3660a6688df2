using WclSharp.Evaluation;

namespace WclSharp.Tests.Evaluation;

public sealed class WilsonIntervalTests
{
    /// <summary>Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.</summary>
    [Theory]
    [InlineData(81, 263, 0.2553, 0.3662), InlineData(15, 148, 0.0624, 0.1605), InlineData(0, 20, 0, 0.1611), InlineData(1, 29, 0.0061, 0.1718)]
    public void Of_IsThatOfTheTables(int right, int images, double low, double high)
    {
        var interval = WilsonInterval.Of(right / (double)images, images);
        Assert.Equal(low, interval.Low, 5e-5);
        Assert.Equal(high, interval.High, 5e-5);
        var mirrored = WilsonInterval.Of(1 - right / (double)images, images);
        Assert.Equal(1 - interval.High, mirrored.Low, 12);
        Assert.Equal(1 - interval.Low, mirrored.High, 12);
    }

    [Fact]
    public void Of_AllOrNone_EndsExactlyThere()
    {
        for (int images = 1; images < 300; images++) Assert.Equal((1, 0), (WilsonInterval.Of(1, images).High, WilsonInterval.Of(0, images).Low));
    }

    [Fact]
    public void Of_NoImage_IsEverything() => Assert.Equal(new WilsonInterval(0, 1), WilsonInterval.Of(0.5, 0));

    /// <summary>Of 1,144 people 132 say yes to the first question alone and 107 to the second alone (Agresti, Categorical Data Analysis); by the formula, by hand.</summary>
    [Fact]
    public void Paired_CountsThoseThatOneOfTheTwoAloneGetsRight()
    {
        var interval = PairedInterval.Of(132, 107, 1144);
        Assert.Equal(25.0 / 1144, interval.Difference, 12);
        Assert.Equal(-0.00465, interval.Low, 1e-5);
        Assert.Equal(0.04828, interval.High, 1e-5);
        var mirrored = PairedInterval.Of(107, 132, 1144);
        Assert.Equal((-interval.High, -interval.Low), (mirrored.Low, mirrored.High));
        Assert.Equal(1.959964 / 12, PairedInterval.Of(0, 0, 10).High, 1e-6); // that they never differ on ten images is no proof that they never do
    }
}
