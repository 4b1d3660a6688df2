using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Reporting;

public class EpochTableTests
{
    [Theory]
    [InlineData(29L, "-")]
    [InlineData(30L, "50.0%")]
    [InlineData(null, "50.0%")] // of a version that did not count
    public void Pairs_OfFew_AreADash(long? judged, string shown) =>
        Assert.Contains($" {shown} ", EpochTable.Line(new() { PairPrecision = 0.5, LabelledPairs = judged, EffectiveRank = 3, Knn = 0.1, Purity = 0.2 })[50..] + " ", StringComparison.Ordinal);

    [Fact]
    public void Line_HasEveryFigureBelowItsName() => Assert.Equal(
        """
        epoch  instance     weak     kNN  components  largest  purity   pairs   rank  images/s  wait     time
           12    6.5432   5.4321   81.2%        34.5    12.3%   67.8%   45.6%   98.7      1234    7%     1:23
        """, $"{EpochTable.Header}\n{EpochTable.Line(Everything)}", ignoreLineEndingDifferences: true);

    private static readonly EpochMetrics Everything = new()
    {
        Epoch = 12,
        InstanceLoss = 6.54321,
        WeakLoss = 5.4321,
        Knn = 0.812,
        Components = 34.5,
        LargestComponent = 0.123,
        Purity = 0.678,
        PairPrecision = 0.456,
        LabelledPairs = 30,
        EffectiveRank = 98.7,
        ImagesPerSecond = 1234,
        DataWait = 0.07,
        Seconds = 83,
    };

    [Theory]
    [InlineData(200, "epoch instance weak kNN components largest purity pairs rank images/s wait time")]
    [InlineData(101, "epoch instance weak kNN components largest purity pairs rank images/s wait time")]
    [InlineData(100, "epoch instance weak kNN components largest purity pairs rank images/s time")]
    [InlineData(80, "epoch instance weak kNN components largest purity rank time")]
    [InlineData(50, "epoch instance weak kNN time")]
    [InlineData(5, "epoch kNN")] // an epoch without its figure says nothing
    public void ATerminal_GetsTheColumnsThatItHasRoomFor(int width, string columns)
    {
        string header = EpochTable.HeaderOf(width);
        Assert.Equal(columns.Split(' '), header.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(header.Length, EpochTable.Line(new() { Epoch = 3, Knn = 0.5 }, width).Length);
        Assert.True(width < 13 || header.Length <= width);
    }

    [Theory]
    [InlineData(0.021, 0.035, "+2.1 ± 3.5")]
    [InlineData(0.0123, 0.0099, "+1.23 ± 0.99")]
    [InlineData(-0.0004, 0.0003, "-0.04 ± 0.03")] // would have been 0.0 ± 0.0
    [InlineData(-0.01234, 0.01231, "-1.234 ± 1.231")] // 0 lies outside, which two decimals would not show
    [InlineData(0.005, 0.005, "+0.50 ± 0.50")]
    [InlineData(0.0, 0.0, "0.00 ± 0.00")]
    [InlineData(-0.1, null, "-10.0")]
    [InlineData(null, null, "-")]
    public void Points_ShowWhetherZeroLiesInside(double? mean, double? halfWidth, string shown) => Assert.Equal(shown, EpochTable.Points(mean, halfWidth));
}
