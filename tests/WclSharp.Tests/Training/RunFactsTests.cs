using WclSharp.Training;

namespace WclSharp.Tests.Training;

public sealed class RunFactsTests : RunsInFolder
{
    [Fact]
    public void OfASmallRun_HaveThousandsOfWeights_AndOneEpoch()
    {
        IReadOnlyList<string> lines = [];
        Pretraining.Run(SmallRun.Options with { Limit = 60, Epochs = 1, Out = Path.Combine(folder, "run") }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Started started) lines = started.Lines;
        }));
        Assert.Contains(lines, line => line.Contains(" 44.", StringComparison.Ordinal) && line.Contains(" K weights", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("1 epoch of 1 step, batch 32", StringComparison.Ordinal));
    }
}
