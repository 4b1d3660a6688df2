using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Native;
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

    [Fact]
    public void Resumed_KeepsHowImagesAreRead_UnlessToldOtherwise_AndWritesItDown()
    {
        string run = Path.Combine(folder, "kept");
        Pretraining.Run(Options("kept") with { Epochs = 1, MaxBad = 0.3, CacheMiB = 17, CacheFolder = folder });

        Pretraining.Run(new PretrainOptions { Out = run, Resume = true, CacheMiB = 19 });

        var config = RunFolder.ReadConfig(run);
        Assert.Equal((0.3, 19, folder), (config.MaxBad, config.CacheMiB, config.CacheFolder));

        // What equals a default counts where it is given.
        Pretraining.Run(new PretrainOptions { Out = run, Resume = true, CacheMiB = 4096, MaxBad = 0.01, Device = "auto" });
        config = RunFolder.ReadConfig(run);
        Assert.Equal((0.01, 4096, "auto"), (config.MaxBad, config.CacheMiB, config.Device));

        Assert.Contains("--epochs 200 is not what the run in", Assert.Throws<WclUsageException>(() => Pretraining.Run(new PretrainOptions { Out = run, Resume = true, Epochs = 200 })).Message, StringComparison.Ordinal);

        // Accuracies of one run are by one number of neighbours.
        Assert.Contains("--knn-k 7 is not what the run in", Assert.Throws<WclUsageException>(() => Pretraining.Run(new PretrainOptions { Out = run, Resume = true, KnnK = 7 })).Message, StringComparison.Ordinal);
        Assert.Equal(config.KnnK, RunFolder.ReadConfig(run).KnnK);

        // The run held out a part of its own images.
        var error = Assert.Throws<WclUsageException>(() => Pretraining.Run(new PretrainOptions { Out = run, Resume = true, Test = folder }));
        Assert.Contains("--test", error.Message, StringComparison.Ordinal);
        Assert.Contains("was not given when the run", error.Message, StringComparison.Ordinal);

        // Nor did it begin with weights of another.
        error = Assert.Throws<WclUsageException>(() => Pretraining.Run(new PretrainOptions { Out = run, Resume = true, Init = Path.Combine(folder, "none") }));
        Assert.Contains("--init", error.Message, StringComparison.Ordinal);
        Assert.Contains("was not given when the run", error.Message, StringComparison.Ordinal);
        Assert.Null(RunFolder.ReadConfig(run).Init);
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
    public void Resumed_WithTestImagesElsewhere_GoesOn_AndWithOthers_IsRefused()
    {
        string train = Pictures("train", 16), test = Pictures("test", 0), moved = Pictures("moved", 0), other = Pictures("other", 1);
        var options = SmallRun.Options with { Limit = null, Batch = 8, Epochs = 2, Data = train, Test = test, Out = Path.Combine(folder, "tested") };
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Pretraining.Run(options, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.EpochDone { Metrics.Epoch: 1 }) cancellation.Cancel();
        }), cancellation.Token));

        var resume = new PretrainOptions { Out = options.Out, Resume = true };
        Assert.Contains("The test images or their classes are not those", Assert.Throws<WclUsageException>(() => Pretraining.Run(resume with { Test = other })).Message, StringComparison.Ordinal);
        Assert.Equal(2, Pretraining.Run(resume with { Test = moved }).Summary.Epoch);

        string Pictures(string name, int first)
        {
            for (int i = 0; i < 20; i++)
            {
                string file = Path.Combine(folder, name, $"class {i % 2}", $"{i:D2}.png");
                Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                File.WriteAllBytes(file, Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png, 16 + first + i, 20));
            }
            return Path.Combine(folder, name);
        }
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
    public void ResumedWithAnotherNumberOfThreads_SaysThatTheWeightsPartWays_AndTheSummaryHasTheNumber()
    {
        var options = Options("threads") with { Epochs = 1, EvaluateEvery = 1 };
        var run = Pretraining.Run(options);
        Assert.Equal(torch.get_num_threads(), run.Summary.Threads);
        Assert.NotNull(run.Summary.Avx512);

        string state = Path.Combine(new CheckpointStore(Path.Combine(run.RunFolder, "checkpoints")).Last!, "state.json");
        string Threads(int count) => $"\"threads\": {count}";
        string before = File.ReadAllText(state);
        Assert.Contains(Threads(torch.get_num_threads()), before, StringComparison.Ordinal);
        File.WriteAllText(state, before.Replace(Threads(torch.get_num_threads()), Threads(99), StringComparison.Ordinal));
        List<string> warnings = [];
        Pretraining.Run(options with { Resume = true }, SmallRun.Noted(warnings));
        string told = Assert.Single(warnings, warning => warning.Contains("99 threads", StringComparison.Ordinal));
        Assert.Contains("as much as between two seeds", told, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cuda", "NVIDIA H100 80GB HBM3", true), InlineData("cpu", "Another Processor", true), InlineData(null, null, false)]
    public void ResumedOnAnotherDevice_SaysThatTheWeightsPartWays_AndNothingOfThreads(string? kind, string? name, bool warns)
    {
        var options = Options("device") with { Epochs = 1, EvaluateEvery = 1 };
        string file = Path.Combine(new CheckpointStore(Path.Combine(Pretraining.Run(options).RunFolder, "checkpoints")).Last!, "state.json");
        var state = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        Assert.Equal(("cpu", CpuFeatures.ModelName), ((string?)state["device"], (string?)state["device_name"]));
        (state["device"], state["device_name"]) = (kind, name);
        if (kind is null) Assert.True(state.Remove("device") && state.Remove("device_name")); // as before they were written
        else state["threads"] = 99;
        File.WriteAllText(file, state.ToJsonString());
        List<string> warnings = [];
        Pretraining.Run(options with { Resume = true }, SmallRun.Noted(warnings));
        warnings.RemoveAll(warning => !warning.Contains("as much as between two seeds", StringComparison.Ordinal));
        if (warns) Assert.StartsWith($"The run was computed on {name} and goes on on {CpuFeatures.ModelName}: ", Assert.Single(warnings), StringComparison.Ordinal);
        else Assert.Empty(warnings);
    }

    [Fact]
    public void ResumedByAnotherVersion_SaysThatTheWeightsMayPartWays_AndKeepsTheEarlierPeakOfMemory()
    {
        const double Peak = 1e6; // MiB, more than this process has
        var options = Options("version") with { Epochs = 1, EvaluateEvery = 1 };
        string file = Path.Combine(new CheckpointStore(Path.Combine(Pretraining.Run(options).RunFolder, "checkpoints")).Last!, "state.json");
        var state = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        Assert.Equal(SoftwareVersions.Current.WclSharp, (string?)state["version"]);
        Assert.InRange((double)state["peak_memory_mib"]!, 1, Peak);

        (state["version"], state["peak_memory_mib"]) = ("0.0.7", Peak);
        Assert.Equal(Peak, Resumed(out var warnings).Summary.PeakMemoryMib);
        Assert.StartsWith("The run was computed by WclSharp 0.0.7 and goes on with ", Assert.Single(warnings, warning => warning.Contains("as much as between two seeds", StringComparison.Ordinal)), StringComparison.Ordinal);

        Assert.True(state.Remove("version") && state.Remove("peak_memory_mib")); // as before they were written
        Assert.InRange(Resumed(out warnings).Summary.PeakMemoryMib!.Value, 1, Peak - 1);
        Assert.DoesNotContain(warnings, warning => warning.Contains("as much as between two seeds", StringComparison.Ordinal));

        PretrainResult Resumed(out List<string> told)
        {
            File.WriteAllText(file, state.ToJsonString());
            told = [];
            return Pretraining.Run(options with { Resume = true }, SmallRun.Noted(told));
        }
    }

    [Fact]
    public void KilledProcess_Resumed_EndsWithTheSameBytes()
    {
        var options = Options("whole");
        string reference = SmallRun.HashOf(Pretraining.Run(options).RunFolder);
        string run = Path.Combine(folder, "killed");
        string[] command = Command(options, run);
        using (var process = ChildProcess.Start("dotnet", command))
        {
            AwaitFirstCheckpoint(process, run);
            process.Kill(); // wherever it is by then
            process.End();
        }
        using (var process = ChildProcess.Start("dotnet", [.. command, "--resume"])) process.End(expectedCode: 0);
        Assert.Equal(reference, SmallRun.HashOf(run));
    }

    [Fact]
    public void InterruptedTerminatedOrHungUpInAnEpoch_SavesAndExitsWithTheSignalsCode_AndResumed_EndsWithTheSame()
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

            using (var process = ChildProcess.Start("dotnet", [.. Command(options, run), "--resume"])) process.End(expectedCode: 0);
            Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(run));
            Assert.Equal(RunFolder.ReadMetrics(whole).Select(WithoutSpeed), RunFolder.ReadMetrics(run).Select(WithoutSpeed));
        }
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

    [Fact]
    public void CheckpointsThatAreGone_AreNotTakenForARunThatHasTrainedNothing()
    {
        var options = Options("gone") with { Epochs = 2, EvaluateEvery = 2 };
        string run = Pretraining.Run(options).RunFolder, checkpoints = Path.Combine(run, "checkpoints"), metrics = Path.Combine(run, "metrics.jsonl"), measured = File.ReadAllText(metrics);
        Directory.Delete(checkpoints, recursive: true);
        Refused(); // finished
        File.Delete(Path.Combine(run, "encoder.safetensors"));
        Refused(); // a second epoch
        Assert.Equal(measured, File.ReadAllText(metrics));

        // Killed between the line of its first epoch and the checkpoint, a run has nothing to go on from.
        File.WriteAllLines(metrics, File.ReadAllLines(metrics).Take(2));
        List<string> warnings = [];
        Assert.Equal(2, Pretraining.Run(options with { Resume = true }, SmallRun.Noted(warnings)).Summary.Epoch);
        Assert.Contains($"There is no checkpoint in {checkpoints}, so the run starts anew.", warnings);
        Assert.Equal([0, 1, 2], RunFolder.ReadMetrics(run).Select(epoch => epoch.Epoch));

        void Refused() => Assert.Contains("its checkpoints are gone from " + checkpoints, Assert.Throws<WclUsageException>(() => Pretraining.Run(options with { Resume = true })).Message, StringComparison.Ordinal);
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

    [Fact]
    public void DamagedNamesAndStates_HoldUpWhatTheyConcernOnly_AndAreSaidInALine()
    {
        var options = Options("damaged") with { EvaluateEvery = 1 };
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(options, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.EpochDone { Metrics.Epoch: 1 }) stop.Cancel();
        }), stop.Token));
        string run = options.Out!, checkpoints = Path.Combine(run, "checkpoints"), state = Path.Combine(new CheckpointStore(checkpoints).Last!, "state.json"), saved = File.ReadAllText(state);

        string fingerprint = JsonDocument.Parse(saved).RootElement.GetProperty("dataset_fingerprint").GetString()!;
        File.WriteAllText(state, saved.Replace(fingerprint, "short", StringComparison.Ordinal));
        Refused("not short)");
        File.WriteAllText(state, saved.Replace($"\"{fingerprint}\"", "null", StringComparison.Ordinal));
        Refused($"The checkpoint '{state}' cannot be read");
        File.Delete(state);
        Directory.CreateDirectory(state); // cannot be read, whoever asks
        Refused($"The checkpoint '{state}' cannot be read");
        Directory.Delete(state);
        // Another checkpoint that is whole is named, with what to do to go on from it.
        string other = Path.Combine(checkpoints, "step-00000001"), last = Path.Combine(checkpoints, "last.json");
        Directory.CreateDirectory(other);
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(state)!)) File.Copy(file, Path.Combine(other, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(other, "state.json"), saved);
        File.WriteAllText(state, "{");
        Refused($"delete '{last}' and '{Path.GetDirectoryName(state)}' to go on from '{other}', which is whole.");
        File.WriteAllText(Path.Combine(other, "heads.safetensors"), "not whole");
        Refused("start anew with another --out");
        Directory.Delete(other, recursive: true);
        File.WriteAllText(state, saved);
        string name = File.ReadAllText(last);
        File.WriteAllText(last, "rubbish");
        Refused("delete it to go on from the newest checkpoint");
        File.WriteAllText(last, name);

        File.WriteAllText(Path.Combine(checkpoints, "best.json"), "rubbish");
        File.WriteAllLines(Path.Combine(run, "metrics.jsonl"), []);
        var warnings = new List<string>();
        Assert.Equal(3, Pretraining.Run(options with { Resume = true }, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Warning warning) warnings.Add(warning.Message);
        })).Summary.Epoch);
        Assert.Contains(warnings, warning => warning.StartsWith("metrics.jsonl lacks the line of epoch 1: its measurements are lost", StringComparison.Ordinal));

        void Refused(string message) => Assert.Contains(message, Assert.Throws<WclUsageException>(() => Pretraining.Run(options with { Resume = true })).Message, StringComparison.Ordinal);
    }

    private static EpochMetrics WithoutSpeed(EpochMetrics metrics) => metrics with { ImagesPerSecond = null, DataWait = null, Seconds = null };
}
