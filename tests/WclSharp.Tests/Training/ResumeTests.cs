using WclSharp.Checkpoints;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>A run that is stopped anywhere and resumed ends with the same bytes as one that was not.</summary>
public sealed class ResumeTests : RunsInFolder
{
    [Fact]
    public void CancelledAtAnyStep_AndResumed_EndsWithTheSameBytes()
    {
        var whole = Pretraining.Run(Options("whole"));
        foreach (int stopAt in (int[])[1, 4, 6])
        {
            string name = $"stopped-{stopAt}";
            using var stop = new CancellationTokenSource();
            Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Options(name), new ProgressHandler<RunProgress>(p =>
            {
                if (p is RunProgress.Step step && step.StepInRun == stopAt) stop.Cancel();
            }), stop.Token));
            var resumed = Pretraining.Run(Options(name, resume: true));
            Assert.Equal(SmallRun.HashOf(whole.RunFolder), SmallRun.HashOf(resumed.RunFolder));
            var (a, b) = (whole.Summary, resumed.Summary);
            Assert.Equal((a.InstanceLoss, a.WeakLoss, a.Knn, a.Components, a.Purity), (b.InstanceLoss, b.WeakLoss, b.Knn, b.Components, b.Purity));
            Assert.Equal(File.ReadLines(Path.Combine(whole.RunFolder, "metrics.jsonl")).Count(), File.ReadLines(Path.Combine(resumed.RunFolder, "metrics.jsonl")).Count());
        }
    }

    /// <summary>Of the width and size at which convolutions go by Winograd's algorithm and batch norms by loops of our own.</summary>
    [Fact]
    public void CancelledAtAStep_OfAWiderNetwork_AndResumed_EndsWithTheSameBytes()
    {
        PretrainOptions Wide(string name) => Options(name) with { Limit = 40, Batch = 16, Epochs = 1, EvaluateEvery = 1, Width = 32, ImageSize = 32 };
        string whole = Pretraining.Run(Wide("whole")).RunFolder;
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Wide("stopped"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: 1 }) stop.Cancel(); // of two
        }), stop.Token));
        Assert.Equal(1, SavedStep(Path.Combine(folder, "stopped")));
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(Pretraining.Run(Wide("stopped") with { Resume = true }).RunFolder));
    }

    /// <summary>A full disk or a kill can leave a part of a checkpoint, which no name points to.</summary>
    [Fact]
    public void Resumed_DeletesTheUnfinishedCheckpointThatWasLeft()
    {
        string run = Path.Combine(folder, "left");
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Options("left"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: 1 }) stop.Cancel();
        }), stop.Token));
        string left = Path.Combine(run, "checkpoints", "step-00000002");
        Directory.CreateDirectory(left);
        File.WriteAllText(Path.Combine(left, "encoder.safetensors.tmp"), "half");
        Pretraining.Run(Options("left", resume: true));
        Assert.False(Directory.Exists(left));
    }

    /// <summary>A stop while the end of an epoch is told comes after its checkpoint: there is nothing more to save.</summary>
    [Fact]
    public void CancelledAfterAnEpochsCheckpoint_SavesItOnce()
    {
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Options("once") with { EvaluateEvery = 1 }, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.EpochDone { Metrics.Epoch: 1 }) stop.Cancel();
        }), stop.Token));
        Assert.Single(Directory.GetDirectories(Path.Combine(folder, "once", "checkpoints")));
    }

    [Fact]
    public void KilledBetweenALineAndItsCheckpoint_AndResumed_MakesTheEpochsGraphAgain()
    {
        PretrainOptions Bank(string name) => Options(name) with { Method = ContrastiveMethod.WclBank, BankStart = 1, EvaluateEvery = 1 };
        string whole = Pretraining.Run(Bank("whole")).RunFolder;
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Bank("killed"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: 4 }) stop.Cancel(); // the last of its epoch
        }), stop.Token));
        // Resumed, it makes the graph and writes the line; killed then, it has no checkpoint of that.
        string metrics = Path.Combine(folder, "killed", "metrics.jsonl");
        Assert.Single(File.ReadLines(metrics));
        File.AppendAllLines(metrics, [File.ReadLines(Path.Combine(whole, "metrics.jsonl")).ElementAt(1)]);
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(Pretraining.Run(Bank("killed") with { Resume = true }).RunFolder));
        Assert.Equal(RunFolder.ReadMetrics(whole).Select(WithoutSpeed), RunFolder.ReadMetrics(Path.Combine(folder, "killed")).Select(WithoutSpeed));
    }

    [Fact]
    public void KilledProcess_Resumed_EndsWithTheSameBytes()
    {
        var options = Options("whole");
        string reference = SmallRun.HashOf(Pretraining.Run(options).RunFolder);
        string run = Path.Combine(folder, "killed");
        string[] command = Command(options, run);
        using (var process = ChildProcess.Start(ChildProcess.Dotnet, command))
        {
            AwaitFirstCheckpoint(process, run);
            process.Kill(); // wherever it is by then
            process.End();
        }
        using (var process = ChildProcess.Start(ChildProcess.Dotnet, [.. command, "--resume"])) process.End(expectedCode: 0);
        Assert.Equal(reference, SmallRun.HashOf(run));
    }

    [Fact]
    public void InterruptedTerminatedOrHungUpInAnEpoch_SavesAndExitsWithTheSignalsCode_AndOneResumed_EndsWithTheSame()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are sent by kill, and reset by coreutils' env");
        // Long enough for the signal to come before the end, however late: 1,024 images of these are trained on, four more epochs take some seconds.
        const int Epochs = 5;
        var options = Options("whole") with { Limit = 1280, Epochs = Epochs, EvaluateEvery = Epochs };
        const int StepsPerEpoch = 16;
        string whole = Pretraining.Run(options).RunFolder;
        foreach (var (signal, code) in (ValueTuple<string, int>[])[("INT", 130), ("TERM", 143), ("HUP", 129)])
        {
            string run = Path.Combine(folder, signal);
            // A job that a script started in the background ignores SIGINT, and so would what it starts: env takes that back. One of them has nowhere to say what it does.
            string start = $"exec env --default-signal=INT,TERM,HUP dotnet \"$@\"{(code == 143 ? " 2> /dev/full" : "")}";
            using (var process = ChildProcess.Start("bash", ["-c", start, "-", .. Command(options, run)]))
            {
                AwaitFirstCheckpoint(process, run);
                process.Signal(signal);
                process.End(code);
            }
            Assert.Contains("\"status\": \"stopped\"", File.ReadAllText(Path.Combine(run, "summary.json")), StringComparison.Ordinal);
            Assert.InRange(SavedStep(run), StepsPerEpoch, Epochs * StepsPerEpoch - 1);
        }

        // All three save in the same way, so that to resume one is enough: the one that could not say what it does.
        string goesOn = Path.Combine(folder, "TERM");
        using (var process = ChildProcess.Start(ChildProcess.Dotnet, [.. Command(options, goesOn), "--resume"])) process.End(expectedCode: 0);
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(goesOn));
        Assert.Equal(RunFolder.ReadMetrics(whole).Select(WithoutSpeed), RunFolder.ReadMetrics(goesOn).Select(WithoutSpeed));
    }

    [Fact]
    public void StoppedBeforeTheFirstCheckpoint_AndResumed_StartsFromTheSameInitialWeights()
    {
        string init = Pretraining.Run(Options("init") with { Epochs = 1, Seed = 6 }).RunFolder;
        string whole = Pretraining.Run(Options("whole") with { Init = init }).RunFolder;
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Options("stopped") with { Init = init }, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.EpochDone { Metrics.Epoch: 0 }) stop.Cancel();
        }), stop.Token));
        Assert.Null(new CheckpointStore(Path.Combine(folder, "stopped", "checkpoints")).Last);
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(Pretraining.Run(Options("stopped", resume: true) with { Init = init }).RunFolder));
    }

    [Fact]
    public void BestCheckpointThatIsGone_DoesNotStopARun()
    {
        var options = Options("best") with { Epochs = 3, EvaluateEvery = 1 };
        string whole = Pretraining.Run(options with { Out = Path.Combine(folder, "whole") }).RunFolder;
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(options, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: 5 }) stop.Cancel();
        }), stop.Token));
        var store = new CheckpointStore(Path.Combine(folder, "best", "checkpoints"));
        Assert.NotEqual(store.Last, store.Best);
        Directory.Delete(store.Best!, recursive: true);
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(Pretraining.Run(options with { Resume = true }).RunFolder));
    }

    [Theory]
    [InlineData("last.json"), InlineData("best.json")]
    public void DiedBeforeACheckpointWasNamed_Resumed_GoesOnFromTheNewest_AndHasTheSameBest(string unwritten)
    {
        PretrainOptions Measured(string name) => Options(name) with { EvaluateEvery = 1 };
        string whole = Pretraining.Run(Measured("whole")).RunFolder, last = Path.Combine(folder, "died", "checkpoints", unwritten);
        Assert.Throws<WclException>(() => Pretraining.Run(Measured("died"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: 1 }) Directory.CreateDirectory(Path.Combine(last, "x")); // a folder cannot be replaced by a file
        })));
        Directory.Delete(last, recursive: true);
        var store = new CheckpointStore(Path.GetDirectoryName(last)!);
        Assert.Equal(unwritten == "last.json" ? store.Last : null, store.Best);

        List<string> warnings = [];
        Pretraining.Run(Measured("died") with { Resume = true }, SmallRun.Noted(warnings));
        Assert.Contains(warnings, warning => warning.StartsWith("No last.json names a checkpoint; the run goes on from the newest, '", StringComparison.Ordinal));
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(Path.Combine(folder, "died")));
        Assert.Equal(RunFolder.ReadMetrics(whole).Select(WithoutSpeed), RunFolder.ReadMetrics(Path.Combine(folder, "died")).Select(WithoutSpeed));
        Assert.Equal(Path.GetFileName(new CheckpointStore(RunFolder.CheckpointsOf(whole)).Best), Path.GetFileName(store.Best));
    }

    private static EpochMetrics WithoutSpeed(EpochMetrics metrics) => metrics with { ImagesPerSecond = null, DataWait = null, Seconds = null };
}
