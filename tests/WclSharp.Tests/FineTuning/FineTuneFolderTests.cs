using WclSharp.FineTuning;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.FineTuning;

/// <summary>The classifier in a folder of fine-tuning is always that of a finished draw, whatever becomes of processes and files.</summary>
public sealed class FineTuneFolderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-finetune-folder-").FullName;
    private readonly string run;

    public FineTuneFolderTests(TrainedRun trained) => run = trained.CopyTo(Path.Combine(folder, "run"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private FineTuneOptions Options => new() { Run = run, LabelsPerClass = [2], Draws = 2, Epochs = 20, Device = "cpu" };

    private static FineTuneResult Run(FineTuneOptions options) => FineTune.Run(options);

    [Fact]
    public void Run_OfARunThatIsBeingTrained_IsRefused_AndOfOneThatWasKilledIsNot()
    {
        var options = Options with { Draws = 1, Epochs = 1, Scratch = false };
        using (new FileStream(Path.Combine(run, "run.lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None))
            Assert.StartsWith($"The run in {run} is being trained, and its weights change meanwhile (", Assert.Throws<WclUsageException>(() => Run(options)).Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(run, "run.lock")));
        Assert.Single(Run(options).Rows);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Run_AClassifierThatIsGoneOrDamaged_IsTrainedAgain(bool gone)
    {
        var options = Options with { Draws = 2, Scratch = false, Epochs = 1 };
        var first = Run(options);
        string hash = SmallRun.HashOfFile(first.ClassifierFile);
        byte[] content = File.ReadAllBytes(first.ClassifierFile);
        content[^100] ^= 1;
        if (gone) File.Delete(first.ClassifierFile);
        else File.WriteAllBytes(first.ClassifierFile, content);
        List<string> warnings = [];
        FineTune.Run(options with { LabelsPerClass = [1] }, SmallRun.Noted(warnings)); // which draws fewer labels
        Assert.Contains(warnings, warning => warning.EndsWith("give the command with which its 20 labels were drawn, and it is trained again.", StringComparison.Ordinal));
        Assert.Equal(gone, !File.Exists(first.ClassifierFile));
        warnings.Clear();
        var again = FineTune.Run(options, SmallRun.Noted(warnings));
        Assert.Contains(warnings, warning => warning.EndsWith("is gone or damaged: its draw is trained again.", StringComparison.Ordinal));
        Assert.Equal(hash, SmallRun.HashOfFile(again.ClassifierFile));
        Assert.Equal(first.Rows[0].FinetuneMean, again.Rows[1].FinetuneMean);
        Assert.Equal([1, 2], again.Rows.Select(row => row.Labels / 10));
        warnings.Clear();
        FineTune.Run(options, SmallRun.Noted(warnings));
        Assert.DoesNotContain(warnings, warning => warning.Contains("trained again", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_StoppedAfterALargerClassifier_LeavesTheOneThatItsDrawHas()
    {
        var options = Options with { Draws = 1, Epochs = 1, LabelsPerClass = [1] };
        var first = Run(options);
        string hash = SmallRun.HashOfFile(first.ClassifierFile);
        using var stop = new CancellationTokenSource();
        List<string> warnings = [];
        Assert.Throws<OperationCanceledException>(() => FineTune.Run(options with { LabelsPerClass = [1, 4] }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working { Stage: var stage } && stage.StartsWith("From scratch, 40 labels", StringComparison.Ordinal)) stop.Cancel();
        }), stop.Token));
        Assert.Equal(hash, SmallRun.HashOfFile(first.ClassifierFile));
        Assert.True(File.Exists(first.ClassifierFile + ".next")); // of the draw that was stopped
        Run(options);
        Assert.False(File.Exists(first.ClassifierFile + ".next"));
        var whole = FineTune.Run(options with { LabelsPerClass = [1, 4] }, SmallRun.Noted(warnings));
        Assert.DoesNotContain(warnings, warning => warning.Contains("gone or damaged", StringComparison.Ordinal));
        Assert.Equal(40, whole.Classifier!.Labels);
        Assert.False(File.Exists(whole.ClassifierFile + ".next"));

        // Killed between the draw's line and the classifier's name.
        File.Move(whole.ClassifierFile, whole.ClassifierFile + ".next");
        FineTune.Run(options, SmallRun.Noted(warnings));
        Assert.True(File.Exists(whole.ClassifierFile));
        Assert.DoesNotContain(warnings, warning => warning.Contains("gone or damaged", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_ALostClassifierOfTwoBudgetsOfTheSameLabels_IsWrittenAgain_AndNoDrawIsLostMeanwhile()
    {
        var options = Options with { Draws = 1, Scratch = false, Epochs = 1, LabelFractions = [0.0625], LabelsPerClass = [2] };
        var first = Run(options);
        Assert.Equal([20, 20], first.Rows.Select(row => row.Labels));
        string hash = SmallRun.HashOfFile(first.ClassifierFile), draws = Path.Combine(first.Folder, "draws.jsonl");
        File.Delete(first.ClassifierFile);
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => FineTune.Run(options with { LabelsPerClass = [1, 2] }, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Working { Stage: var stage } && stage.StartsWith("Fine-tuning, 20 labels", StringComparison.Ordinal)) stop.Cancel(); // after the draw of 10
        }), stop.Token));
        Assert.Equal(3, File.ReadLines(draws).Count());
        Assert.Equal(hash, SmallRun.HashOfFile(Run(options).ClassifierFile));
        Assert.Equal(3, File.ReadLines(draws).Count());
        // A larger draw's takes its place: nothing is done twice.
        File.Delete(first.ClassifierFile);
        List<string> warnings = [];
        Assert.Equal(40, FineTune.Run(options with { LabelsPerClass = [2, 4] }, SmallRun.Noted(warnings)).Classifier!.Labels);
        Assert.DoesNotContain(warnings, warning => warning.Contains("gone or damaged", StringComparison.Ordinal));
        Assert.True(File.Exists(first.ClassifierFile));
    }

    [Fact]
    public void Run_FewerLabelsLater_KeepsTheClassifierOfTheMost_AndTheRowsOfAll()
    {
        var options = Options with { Draws = 1, Scratch = false, Epochs = 1 };
        var most = Run(options with { LabelsPerClass = [4] });
        string hash = SmallRun.HashOfFile(most.ClassifierFile);
        var later = Run(options with { LabelsPerClass = [1] });
        Assert.Equal(hash, SmallRun.HashOfFile(later.ClassifierFile));
        Assert.Equal([10, 40], later.Rows.Select(row => row.Labels));
        Assert.Equal((40, later.Rows[1].FinetuneMean), (later.Classifier?.Labels, later.Classifier?.Accuracy));
        Run(options with { LabelsPerClass = [8] });
        Assert.NotEqual(hash, SmallRun.HashOfFile(later.ClassifierFile));
    }
}
