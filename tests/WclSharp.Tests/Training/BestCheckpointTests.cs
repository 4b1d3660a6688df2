using System.Text.Json;
using WclSharp.Checkpoints;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>The best checkpoint is that of the largest kNN accuracy, in however many parts the run was made. The accuracies are given: those of a run hang on rounding.</summary>
public sealed class BestCheckpointTests : RunsInFolder
{
    private const int Epochs = 6, StepsPerEpoch = 4;

    [Fact]
    public void Best_IsTheFirstOfTheLargestKnn_OfAStoppedAndResumedRunToo()
    {
        double[] knn = [0.9, 0.3, 0.5, 0.4, 0.45, 0.2, 0.5]; // the untrained network's has no checkpoint
        Train("whole", knn);
        Assert.Equal((2, 2 * StepsPerEpoch), Best("whole"));

        // Stopped twice after it: what is measured later is less, though the best of its own part.
        foreach (int stopAt in (int[])[3 * StepsPerEpoch + 2, 4 * StepsPerEpoch + 1])
        {
            Train("stopped", knn, stopAt);
            Assert.Equal(stopAt, SavedStep(Path.Combine(folder, "stopped")));
            Assert.Equal((2, 2 * StepsPerEpoch), Best("stopped"));
        }
        Train("stopped", knn);
        Assert.Equal((2, 2 * StepsPerEpoch), Best("stopped"));
    }

    [Theory]
    [InlineData(0.3, 2)] // as it was saved
    [InlineData(1, 1)]
    public void Best_OfWhatTheLastCheckpointSays_IsBeatenByMoreAlone(double said, int best)
    {
        double[] knn = [0.9, 0.3, 0.5, 0.4, 0.4, 0.4, 0.4];
        Train("edited", knn, stopAt: StepsPerEpoch + 2);
        string state = Path.Combine(Store("edited").Last!, "state.json"), saved = File.ReadAllText(state);
        Assert.Contains("\"best_knn\": 0.3", saved, StringComparison.Ordinal);
        File.WriteAllText(state, saved.Replace("\"best_knn\": 0.3", $"\"best_knn\": {JsonSerializer.Serialize(said)}", StringComparison.Ordinal));

        Train("edited", knn);
        Assert.Equal((best, best * StepsPerEpoch), Best("edited"));
    }

    /// <summary>Trains a run, or goes on with it, to its end or to a step, with accuracies by epoch.</summary>
    private void Train(string name, double[] knn, int? stopAt = null)
    {
        string path = Path.Combine(folder, name);
        bool resume = File.Exists(Path.Combine(path, "config.json"));
        var options = resume ? RunFolder.ReadConfig(path) with { Resume = true } : Options(name) with { Epochs = Epochs, EvaluateEvery = 1 };
        using var stop = new CancellationTokenSource();
        using var written = RunFolder.Create(path, resume, DateTime.Now);
        using var run = new PretrainingRun(options, written, new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Step step && step.StepInRun == stopAt) stop.Cancel();
        }), stop.Token)
        { Measure = metrics => metrics with { Knn = knn[metrics.Epoch] } };
        if (stopAt is null) run.Execute();
        else Assert.ThrowsAny<OperationCanceledException>(run.Execute);
    }

    private CheckpointStore Store(string name) => new(Path.Combine(folder, name, "checkpoints"));

    /// <summary>Epoch and step of the best checkpoint, which says the accuracy that was measured then.</summary>
    private (int Epoch, int Step) Best(string name)
    {
        using var state = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Store(name).Best!, "state.json")));
        int epoch = state.RootElement.GetProperty("epoch").GetInt32();
        Assert.Equal(RunFolder.ReadMetrics(Path.Combine(folder, name)).Single(metrics => metrics.Epoch == epoch).Knn, state.RootElement.GetProperty("best_knn").GetDouble());
        return (epoch, state.RootElement.GetProperty("step").GetInt32());
    }
}
