using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Reporting;

public sealed class PlainProgressTests
{
    private readonly List<string> lines = [];
    private readonly ManualClock clock = new();
    private readonly PlainProgress progress;

    public PlainProgressTests() => progress = new PlainProgress(lines.Add, TimeSpan.FromSeconds(10), clock: clock);

    [Fact]
    public void Report_Steps_GiveALineEveryTenSecondsAtMost()
    {
        for (int step = 1; step <= 100; step++)
        {
            progress.Report(Step(step));
            clock.Seconds++;
        }

        Assert.Equal(10, lines.Count);
        Assert.Equal("epoch 1/2, step 1/50, instance loss 5.500, weak loss 4.250, 812 images/s, 3% waiting for data, 1:02:05 left", lines[0]);
        Assert.StartsWith("epoch 2/2, step 1/50,", lines[5]);
    }

    [Fact]
    public void Report_ShortStage_GivesNoLine_LongStageDoes()
    {
        progress.Report(new RunProgress.Working("Reading", 1, 10));
        clock.Seconds += 5;
        progress.Report(new RunProgress.Working("Reading", 10, 10));
        Assert.Empty(lines);

        progress.Report(new RunProgress.Working("Listing", 1, null));
        clock.Seconds += 11;
        progress.Report(new RunProgress.Working("Listing", 12_345, null));
        Assert.Equal(["Listing: 12,345"], lines);
    }

    [Fact]
    public void Report_ManyShortStages_GiveALineEveryTenSeconds()
    {
        for (int training = 0; training < 8; training++)
        {
            for (int step = 0; step < 4; step++)
            {
                progress.Report(new RunProgress.Working($"Training {training}", step, 4));
                clock.Seconds++;
            }
        }
        Assert.Equal(["Training 2: 2 of 4 (50%)", "Training 5: 1 of 4 (25%)", "Training 7: 3 of 4 (75%, 0:01 left)"], lines);
    }

    [Fact]
    public void Report_Warnings_GoToTheirOwnWriter()
    {
        List<string> warnings = [];
        var apart = new PlainProgress(lines.Add, TimeSpan.FromSeconds(10), warnings.Add, clock);
        apart.Report(new RunProgress.Started(new PretrainOptions(), ["a fact"]));
        apart.Report(new RunProgress.Warning("careful"));
        Assert.Equal(["warning: careful"], warnings);
        Assert.Equal(["a fact"], lines);
    }

    [Fact]
    public void Report_WorkThatGoesOn_TellsTheTimeLeftByItsOwnPace()
    {
        progress.Report(new RunProgress.Working("Embedding", 9_000_000, 10_000_000));
        clock.Seconds += 100;
        progress.Report(new RunProgress.Working("Embedding", 9_010_000, 10_000_000));
        Assert.Equal(["Embedding: 9,010,000 of 10,000,000 (90%, 2:45:00 left)"], lines); // 990,000 at 100 a second
    }

    [Fact]
    public void Report_ALossThatRoundsToZero_HasNoSign()
    {
        Assert.DoesNotContain("-0.0", EpochTable.Line(new EpochMetrics { Epoch = 1, WeakLoss = -1e-7 }));
        Assert.Contains("-1.5000", EpochTable.Line(new EpochMetrics { Epoch = 1, WeakLoss = -1.5 }));
        Assert.Contains("weak loss 0.000, ", PlainProgress.Line(Step(1) with { WeakLoss = -1e-7 }));
    }

    [Fact]
    public void Report_EpochZero_SaysTheUntrainedAccuracyUnderOneHeader()
    {
        progress.Report(new RunProgress.EpochDone(new EpochMetrics { Epoch = 0, Knn = 0.699 }, 2));
        progress.Report(new RunProgress.EpochDone(new EpochMetrics { Epoch = 1, Knn = 0.75, InstanceLoss = 5, Seconds = 61 }, 2));

        Assert.Equal(4, lines.Count);
        Assert.Equal("kNN accuracy before training: 69.9%", lines[0]);
        Assert.Equal(EpochTable.Header, lines[1]);
        Assert.All(lines.Skip(2), line => Assert.Equal(EpochTable.Header.Length, line.Length)); // columns line up
        Assert.Contains("75.0%", lines[3]);
        Assert.EndsWith("1:01", lines[3]);
    }

    [Fact]
    public void Report_Anything_HasNoEscapeCodes()
    {
        progress.Report(new RunProgress.Started(new PretrainOptions(), ["a fact"]));
        progress.Report(Step(1));
        progress.Report(new RunProgress.Warning("[careful]"));
        progress.Report(new RunProgress.EpochDone(new EpochMetrics { Epoch = 1 }, 2));

        Assert.Contains("warning: [careful]", lines);
        Assert.All(lines, line => Assert.DoesNotContain(line, char.IsControl));
    }

    private static RunProgress.Step Step(int step) => new()
    {
        Epoch = (step - 1) / 50 + 1,
        Epochs = 2,
        StepInRun = step,
        StepsInRun = 100,
        InstanceLoss = 5.5,
        WeakLoss = 4.25,
        ImagesPerSecond = 812.3,
        DataWait = 0.03,
        Remaining = new(1, 2, 5),
    };
}
