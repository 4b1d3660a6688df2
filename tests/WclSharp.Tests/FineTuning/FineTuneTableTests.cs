using WclSharp.FineTuning;

namespace WclSharp.Tests.FineTuning;

public sealed class FineTuneTableTests
{
    [Fact]
    public void Rows_TheDifferenceFromScratch_IsTakenDrawByDraw_AndTheChoiceIsTheFirstDraws()
    {
        FineTuneDraw Draw(int draw, double finetune, double? scratch, double lr) => new()
        {
            Budget = "b",
            Draw = draw,
            Labels = 250,
            Fraction = 0.1,
            Steps = 300,
            ValidationLabels = 50,
            Finetune = finetune,
            FinetuneBalancedAccuracy = finetune - 0.2,
            Scratch = scratch,
            ScratchBalancedAccuracy = draw == 1 ? null : scratch - 0.3, // of a version that did not count it
            Lr = lr,
            StopAt = 0.7,
            ScratchLr = 0.3,
            ScratchStopAt = 0.9,
            Knn = 0.5,
            Linear = 0.5,
            Seconds = 1,
        };
        // Draws differ by 10 points, the networks by 2.
        var row = Assert.Single(FineTuneTable.Rows([Draw(1, 0.621, 0.6, 0.03), Draw(0, 0.52, 0.5, 0.03), Draw(2, 0.722, 0.7, 0.03)]));
        Assert.Equal(0.021, row.ScratchDifference!.Value, 12);
        Assert.Equal(4.30265 * 0.001 / Math.Sqrt(3), row.ScratchDifferenceCi95!.Value, 1e-7);
        Assert.Equal(0.421, row.FinetuneBalancedAccuracy!.Value, 12);
        Assert.Null(row.ScratchBalancedAccuracy);
        Assert.Equal(50, row.ValidationLabels);
        Assert.Equal((0.03, 0.7, 0.3, 0.9), (row.Lr, row.StopAt, row.ScratchLr, row.ScratchStopAt));
        Assert.Contains("+2.10 ± 0.25", FineTuneTable.Text([row])[1], StringComparison.Ordinal);
        Assert.DoesNotContain("- scratch", FineTuneTable.Text(FineTuneTable.Rows([Draw(0, 0.5, null, 0.01)]))[0], StringComparison.Ordinal);
    }
}
