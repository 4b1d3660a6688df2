using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>What is not as it was when a run stopped, is gone or is damaged is taken, told or refused where it is resumed.</summary>
public sealed class ResumeChecksTests : RunsInFolder
{
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

        Assert.Contains("--vertical-flip 0.5 is not what the run in", Assert.Throws<WclUsageException>(() => Pretraining.Run(new PretrainOptions { Out = run, Resume = true, VerticalFlip = 0.5 })).Message, StringComparison.Ordinal);

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
}
