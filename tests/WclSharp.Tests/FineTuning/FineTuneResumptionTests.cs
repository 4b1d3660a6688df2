using WclSharp.FineTuning;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.FineTuning;

/// <summary>A fine-tuning goes on in a folder with the same options, and in none with others.</summary>
public sealed class FineTuneResumptionTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-finetune-").FullName;
    private readonly NotedFineTuning noted = new();
    private readonly string run;

    public FineTuneResumptionTests(TrainedRun trained) => run = trained.CopyTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private FineTuneOptions Options => new() { Run = run, LabelsPerClass = [2], Draws = 2, Epochs = 20, Device = "cpu" };

    private FineTuneResult Run(FineTuneOptions options) => noted.Run(options);

    [Fact]
    public void Run_Stopped_GoesOnWithWhatIsMissing_AndEndsWithTheSameFigures()
    {
        var whole = Run(Options with { Out = Path.Combine(folder, "whole") });
        using var stop = new CancellationTokenSource();
        string halves = Path.Combine(folder, "halves");
        Assert.Throws<OperationCanceledException>(() => FineTune.Run(Options with { Out = halves }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working { Stage: "From scratch, 20 labels, draw 2 of 2 (training 4 of 4)" }) stop.Cancel();
        }), stop.Token));
        Assert.InRange(noted.FeaturesOfTraining, 20, 40); // of two draws of 20, not of all 320
        Assert.Contains("Linear classifier, 20 labels, draw 2 of 2, epochs", noted.Stages);
        noted.Stages.Clear();
        noted.Numbers.Clear();
        var resumed = Run(Options with { Out = halves });

        Assert.DoesNotContain("Fine-tuning, 20 labels, draw 1 of 2", noted.Stages);
        Assert.Contains("Fine-tuning, 20 labels, draw 2 of 2", noted.Stages);
        Assert.Equal(["1 of 2)", "2 of 2)"], noted.Numbers); // what is left
        Assert.Equal(whole.Rows, resumed.Rows);
        Assert.Equal(SmallRun.HashOfFile(whole.ClassifierFile), SmallRun.HashOfFile(resumed.ClassifierFile));
        var row = Assert.Single(whole.Rows);
        Assert.Equal((20, 2), (row.Labels, row.Draws));
        bool same = NotedFineTuning.DrawsIn(whole.Folder).Select(draw => draw.GetProperty("finetune").GetDouble()).Distinct().Count() == 1; // by chance, on some noted.Numbers of threads
        Assert.Equal(same, row.FinetuneCi95 is null);
        Assert.Equal(0, row.ValidationLabels); // too few
        Assert.True(new FileInfo(whole.PlotFile).Length > 5000);
        Assert.Equal(80, whole.TestImages);
        Assert.Equal(whole.Rows[0].FinetuneMean - whole.Rows[0].ScratchMean!.Value, whole.Rows[0].ScratchDifference!.Value, 9);
    }

    [Fact]
    public void Run_OtherOptionsInTheSameFolder_IsRefused()
    {
        Run(Options with { Draws = 1, Scratch = false });
        var error = Assert.Throws<WclUsageException>(() => Run(Options with { Draws = 1, EncoderLearningRate = 1, HeadLearningRate = 0.2, Seed = 5 }));
        Assert.Contains("holds results of something else: --seed (0 there, 5 now); training from scratch (false there, true now); --lr (not given there, 1 now); --head-lr (0.1 there, 0.2 now). Name",
            error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("images", error.Message, StringComparison.Ordinal);
        // More draws and more labels are more of the same.
        Assert.Equal(2, Run(Options with { Scratch = false, LabelsPerClass = [2, 4] }).Rows.Count);
    }

    [Fact]
    public void Run_RateFromScratchThatNothingUses_IsNoSetting()
    {
        var options = Options with { LabelsPerClass = [1], Draws = 1, Scratch = false, Epochs = 1 };
        Run(options with { ScratchLearningRate = 0.3 });
        Assert.Single(Run(options).Rows); // goes on with the same
    }
}
