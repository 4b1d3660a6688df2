using SkiaSharp;
using WclSharp.Comparisons;
using WclSharp.FineTuning;
using WclSharp.Reporting;
using WclSharp.Training;
using static WclSharp.Tests.Reporting.PicturePixels;

namespace WclSharp.Tests.Reporting;

public sealed class PictureTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-pictures-").FullName;

    private string Png => Path.Combine(folder, "picture.png");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Curves_AllMetrics_HavePanelsWithLinesAndText()
    {
        CurvesPlot.Write(Png, [.. Enumerable.Range(0, 6).Select(Metrics)], "a run", rates: Rates);
        using var picture = SKBitmap.Decode(Png);

        Assert.Equal((3 * 520, 56 + 3 * 380), (picture.Width, picture.Height));
        // The colours of the curves, in each of eight cells.
        var blue = new SKColor(0x00, 0x72, 0xB2);
        for (int column = 0; column < 3; column++)
            for (int row = 0; row < (column < 2 ? 3 : 2); row++)
                Assert.True(Count(picture, new SKRectI(column * 520, 56 + row * 380, (column + 1) * 520, 56 + (row + 1) * 380), blue) > 100);

        // Text: the title's strip is not blank, which it would be without a font.
        Assert.True(CountDark(picture, new SKRectI(0, 0, picture.Width, 56)) > 50);
    }

    [Fact]
    public void Curves_WhatWasNotMeasured_HasNoPanel()
    {
        CurvesPlot.Write(Png, [new EpochMetrics { Epoch = 1, InstanceLoss = 2 }, new EpochMetrics { Epoch = 2, InstanceLoss = double.NaN }], "short");
        using var picture = SKBitmap.Decode(Png);

        Assert.Equal(520, picture.Width);
    }

    [Fact]
    public void Curves_AccuracyThatHardlyChanges_LooksSo()
    {
        CurvesPlot.Write(Png, [.. Enumerable.Range(1, 6).Select(epoch => new EpochMetrics { Epoch = epoch, Knn = 0.8 + 0.002 * (epoch % 2) })], "a run");
        using var picture = SKBitmap.Decode(Png);
        int[] rows = RowsOf(picture, new SKRectI(60, 56, 250, picture.Height), new SKColor(0x00, 0x72, 0xB2)); // left of the legend
        Assert.InRange(rows[^1] - rows[0], 5, 60); // of a frame of 285 pixels, 0.2 of 5 points and the marks' size
    }

    [Fact]
    public void Comparison_AccuracyThatHardlyChanges_LooksSo()
    {
        EpochMetrics[] run = [.. Enumerable.Range(1, 6).Select(epoch => new EpochMetrics { Epoch = epoch, Knn = 0.8 + 0.002 * (epoch % 2) })];
        Assert.True(AccuracyPlot.Write(Png, [new MethodCurve("wcl", [run])], overTime: false));
        using var picture = SKBitmap.Decode(Png);
        int[] rows = RowsOf(picture, new SKRectI(60, 0, 700, picture.Height), new SKColor(0x00, 0x72, 0xB2)); // without the legend
        Assert.InRange(rows[^1] - rows[0], 5, 60);
    }

    [Fact]
    public void Curves_Interval_IsABandOfTheImages()
    {
        EpochMetrics[] metrics = [.. Enumerable.Range(0, 6).Select(epoch => new EpochMetrics { Epoch = epoch, Knn = 0.5 + 0.05 * epoch })];
        int[] heights = [.. new long?[] { null, 10_000, 100 }.Select(images =>
        {
            CurvesPlot.Write(Png, metrics, "a run", images);
            using var picture = SKBitmap.Decode(Png);
            return Count(picture, new SKRectI(60, 130, picture.Width, picture.Height), pixel => pixel is { Red: > 190 and < 215, Green: > 212 and < 232, Blue: > 228 and < 245 });
        })];
        Assert.InRange(heights[0], 0, 300); // edges of the line
        Assert.True(heights[1] > 3000 && heights[2] > 3 * heights[1], string.Join(' ', heights));
    }

    [Fact]
    public void Curves_OfOnePanel_EachHaveTheirColour()
    {
        Assert.InRange(Below(new() { InstanceLoss = 6, WeakLoss = 2 }), 150, 285);
        Assert.InRange(Below(new() { Purity = 0.8, LargestComponent = 0.4 }), 80, 140); // half the height of the first, from zero on

        // How far the orange curve lies below the blue one.
        double Below(EpochMetrics all)
        {
            CurvesPlot.Write(Png, [.. Enumerable.Range(1, 6).Select(epoch => all with { Epoch = epoch })], "a run");
            using var picture = SKBitmap.Decode(Png);
            var area = new SKRectI(60, 56, 250, picture.Height); // left of the legend
            return RowsOf(picture, area, new SKColor(0xD5, 0x5E, 0x00)).Average() - RowsOf(picture, area, new SKColor(0x00, 0x72, 0xB2)).Average();
        }
    }

    [Theory]
    [InlineData(-4.0, 200, 285)] // the axis ends at zero, wherever the values are: they begin near its foot
    [InlineData(-0.01, 0, 40)] // collapsed: at its head, and flat
    public void Curves_Uniformity_IsSeenAgainstZero(double least, int low, int high)
    {
        CurvesPlot.Write(Png, [.. Enumerable.Range(1, 6).Select(epoch => new EpochMetrics { Epoch = epoch, Uniformity = least * epoch / 6 })], "a run");
        using var picture = SKBitmap.Decode(Png);
        Assert.Equal(520, picture.Width);
        int[] rows = RowsOf(picture, new SKRectI(60, 56, picture.Width, picture.Height), new SKColor(0x00, 0x72, 0xB2));
        Assert.InRange(rows[^1] - 56 - 30, low, high + 30); // below the panel's title
    }

    [Fact]
    public void Curves_OfOneEpoch_HaveTheRateOfEveryStep()
    {
        // The last step's, 0, would be all that an epoch has.
        CurvesPlot.Write(Png, [new EpochMetrics { Epoch = 1, InstanceLoss = 2, Lr = 0 }], "short", rates: new RateCurve(50, step => 0.1 * (1 - step / 49.0)));
        using var picture = SKBitmap.Decode(Png);
        int[] rows = RowsOf(picture, new SKRectI(520, 56, picture.Width, picture.Height), new SKColor(0x00, 0x72, 0xB2));
        Assert.InRange(rows[^1] - rows[0], 200, 285);
    }

    [Theory]
    [InlineData(70, 80, 5, 100, 70, 80)]
    [InlineData(80, 81, 5, 100, 78, 83)]
    [InlineData(99, 100, 5, 100, 95, 100)]
    [InlineData(0, 1, 5, 100, 0, 5)]
    public void Axis_IsAtLeastSoLong(double low, double high, double least, double largest, double bottom, double top) =>
        Assert.Equal((bottom, top), PlotLook.Widened(low, high, least, largest));

    [Theory]
    [InlineData(new[] { 0.5 }, 1, "dots: one draw of the labels each, so without intervals")]
    [InlineData(new[] { 0.4, 0.6 }, 3, "dots: 2 draws of the labels; squares: their mean, with its 95 % interval where they differ")]
    [InlineData(new[] { 0.5, 0.5 }, 1, "dots: 2 draws of the labels; squares: their mean, without an interval: the draws gave the same")]
    public void Labels_EachDrawIsADot_AndSeveralHaveTheirMean(double[] accuracies, int marks, string said)
    {
        FineTuneDraw[] draws = [.. accuracies.Select((accuracy, i) => Draw(i, accuracy))];
        var rows = FineTuneTable.Rows(draws);
        LabelPlot.Write(Png, rows, draws);
        Assert.Equal(said, LabelPlot.Marks(rows));
        using var picture = SKBitmap.Decode(Png);
        // Rows with a mark of the fine-tuned: bars, whose ends lie outside, are too narrow.
        int[] wide = [.. Enumerable.Range(48, 460).Where(y => Count(picture, new SKRectI(60, y, 700, y + 1), pixel => pixel.Red - pixel.Blue > 60) >= 4)];
        Assert.Equal(marks, wide.Where((y, i) => i == 0 || wide[i - 1] < y - 1).Count());
    }

    [Fact]
    public void Labels_OfUnlikeNumbersOfDraws_SayBoth()
    {
        FineTuneDraw[] draws = [Draw(0, 0.5), Draw(0, 0.6) with { Budget = "20", Labels = 200 }, Draw(1, 0.7) with { Budget = "20", Labels = 200 }];
        Assert.Equal("dots: 1 to 2 draws; squares: the mean of several, with its 95 % interval where they differ", LabelPlot.Marks(FineTuneTable.Rows(draws))); // kNN's and the probe's do not
        draws = [draws[0] with { Knn = 0.1, Linear = 0.1 }, draws[1], draws[2] with { Knn = 0.3, Linear = 0.4 }];
        Assert.Equal("dots: 1 to 2 draws; squares: the mean of several, with its 95 % interval", LabelPlot.Marks(FineTuneTable.Rows(draws)));
    }

    private static FineTuneDraw Draw(int draw, double accuracy) => new()
    {
        Budget = "10",
        Draw = draw,
        Labels = 100,
        Fraction = 0.1,
        Steps = 1,
        ValidationLabels = 0,
        Finetune = accuracy,
        Lr = 0.1,
        StopAt = 1,
        Knn = 0.2,
        Linear = 0.3,
        Seconds = 1,
    };

    [Theory]
    [InlineData(3, 2, 2)]
    [InlineData(5, 3, 2)]
    public void Curves_CellsWithoutAPanel_AreWhite(int panels, int columns, int rows)
    {
        CurvesPlot.Write(Png, [.. Enumerable.Range(0, 6).Select(Metrics).Select(all => all with { Knn = null, Alignment = null, Uniformity = null }).Select(few => panels == 5 ? few : few with { Components = null, LargestComponent = null, Purity = null })], "a run", rates: Rates);
        using var picture = SKBitmap.Decode(Png);
        Assert.Equal((columns * 520, 56 + rows * 380), (picture.Width, picture.Height));
        var cell = new SKRectI((columns - 1) * 520, 56 + (rows - 1) * 380, picture.Width, picture.Height);
        Assert.Equal(cell.Width * cell.Height, Count(picture, cell, SKColors.White));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Curves_OneOfSeveralCurves_HasItsName(bool both)
    {
        // Weak labels without classes have no purity.
        CurvesPlot.Write(Png, [.. Enumerable.Range(1, 2).Select(epoch => new EpochMetrics { Epoch = epoch, LargestComponent = 0.1, Purity = both ? 0.5 : null })], "a run");
        using var picture = SKBitmap.Decode(Png);
        Assert.True(CountDark(picture, new SKRectI(300, 104, 490, 126)) > 20); // the legend's letters, at the right, within the panel's frame
    }

    [Fact]
    public void Curves_NothingMeasured_StillMakeAPicture()
    {
        CurvesPlot.Write(Png, [], "nothing");

        using var picture = SKBitmap.Decode(Png);
        Assert.Equal(520, picture.Width);
    }

    private static EpochMetrics Metrics(int epoch) => new()
    {
        Epoch = epoch,
        InstanceLoss = epoch == 0 ? null : 6.0 / epoch,
        WeakLoss = epoch == 0 ? null : 5.0 / epoch,
        Knn = 0.5 + 0.05 * epoch,
        Components = epoch == 0 ? null : 60 - epoch,
        LargestComponent = epoch == 0 ? null : 0.1,
        Purity = epoch == 0 ? null : 0.4 + 0.05 * epoch,
        EffectiveRank = 10 + epoch,
        Alignment = epoch == 0 ? null : 0.4 + 0.05 * epoch,
        Uniformity = epoch == 0 ? null : -2 - 0.2 * epoch,
        Lr = epoch == 0 ? null : 0.1 / epoch,
    };

    private static readonly RateCurve Rates = new(4, step => 0.1 / (1 + step));
}
