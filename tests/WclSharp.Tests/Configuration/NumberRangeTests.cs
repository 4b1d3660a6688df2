using WclSharp.Configuration;

namespace WclSharp.Tests.Configuration;

public sealed class NumberRangeTests
{
    [Fact]
    public void Text_SaysTheBounds()
    {
        Assert.Equal("1 or more", NumberRange.AtLeastOne.Text);
        Assert.Equal("zero or more", NumberRange.NotNegative.Text);
        Assert.Equal("above zero", NumberRange.Positive.Text);
        Assert.Equal("from 0 to 1", NumberRange.Share.Text);
        Assert.Equal("above 0 and at most 1", NumberRange.ShareAboveZero.Text);
        Assert.Equal("from 0 to below 1", new NumberRange(0, 1) { BelowMost = true }.Text);
        Assert.Equal("a multiple of 4 from 4 to 512", NumberRange.Width.Text);
        Assert.Equal("from 0.000001 to 1000000", NumberRange.Temperature.Text); // as it can be typed
    }

    [Theory]
    [InlineData(0, null), InlineData(1, null), InlineData(-0.1, "must be from 0 to 1"), InlineData(1.1, "must be from 0 to 1"), InlineData(double.NaN, "must be from 0 to 1")]
    public void Problem_OfANumberThatIsNotWithin_IsItsText(double value, string? problem) => Assert.Equal(problem, NumberRange.Share.Problem(value));

    [Fact]
    public void Problem_AtOpenBounds_OfMultiples_AndBeyondFloat32()
    {
        Assert.NotNull(NumberRange.Positive.Problem(0));
        Assert.Null(NumberRange.Positive.Problem(float.MaxValue));
        Assert.StartsWith("must be within float32's range", NumberRange.Positive.Problem(1e39), StringComparison.Ordinal);
        Assert.StartsWith("must be within float32's range", NumberRange.NotNegative.Problem(double.PositiveInfinity), StringComparison.Ordinal);
        Assert.NotNull(new NumberRange(0, 1) { BelowMost = true }.Problem(1));
        Assert.NotNull(NumberRange.Width.Problem(10));
        Assert.Null(NumberRange.AtLeastOne.Problem(int.MaxValue));
    }

    [Fact]
    public void Require_RefusesWithTheValueAndTheAdvice()
    {
        NumberRange.Share.Require(null, "--x");
        NumberRange.Share.Require(0.5, "--x");
        Assert.Equal("--x is 2; it must be from 0 to 1 (such as 0.1).", Assert.Throws<WclUsageException>(() => NumberRange.Share.Require(2, "--x", "such as 0.1")).Message);
    }
}
