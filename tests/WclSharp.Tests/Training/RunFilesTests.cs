using WclSharp.Evaluation;
using WclSharp.Reporting;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Training;

/// <summary>What a program can read of a run, and that it trains where the program has switched gradients off.</summary>
public sealed class RunFilesTests : RunsInFolder
{
    [Fact]
    public void Run_WhereGradientsAreOff_Trains_AndItsFilesAreRead()
    {
        var options = SmallRun.Options with { Epochs = 2, Temperature = 0.15 };
        string usual = Path.Combine(folder, "usual"), off = Path.Combine(folder, "off"), again = Path.Combine(folder, "again");
        var result = Pretraining.Run(options with { Out = usual });
        using (no_grad())
        {
            Pretraining.Run(options with { Out = off });
            Assert.False(is_grad_enabled());
        }

        Assert.Equal(SmallRun.HashOf(usual), SmallRun.HashOf(off));

        var read = PretrainOptions.Load(usual);
        Assert.Equal((0.15, 2, null), (read.Temperature, read.Epochs, read.Out));
        Assert.Equal(read, PretrainOptions.Load(Path.Combine(usual, "config.json")));
        Pretraining.Run(read with { Out = again });
        Assert.Equal(SmallRun.HashOf(usual), SmallRun.HashOf(again));
        Assert.Equal(result.Summary.Knn, RunSummary.Load(usual)!.Knn);
        Assert.Equal([0, 1, 2], EpochMetrics.LoadAll(usual).Select(metrics => metrics.Epoch));
    }

    [Fact]
    public void Run_EndOfAnEpoch_AddsItsLineToTheMetrics_AndLeavesTheOthersAsTheyAre()
    {
        string run = Path.Combine(folder, "run"), metrics = Path.Combine(run, "metrics.jsonl");
        Pretraining.Run(SmallRun.Options with { Epochs = 2, Out = run }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.EpochDone { Metrics.Epoch: 0 }) File.WriteAllText(metrics, File.ReadAllText(metrics).TrimEnd('\n') + " \n"); // reading and writing it would drop the blank
        }));
        Assert.Equal([true, false, false], File.ReadLines(metrics).Select(line => line.EndsWith(' ')));
    }

    [Fact]
    public void Load_OfNoRun_SaysWhatIsMissing()
    {
        foreach (var load in (Action[])[() => PretrainOptions.Load(folder), () => RunSummary.Load(folder), () => EpochMetrics.LoadAll(folder)])
            Assert.Contains("no config.json", Assert.Throws<WclUsageException>(load).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<WclUsageException>(() => PretrainOptions.Load(Path.Combine(folder, "none.json"))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => PretrainOptions.Load(""));
    }
}
