using System.Text.Json;
using WclSharp.Checkpoints;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>The best checkpoint is that of the largest kNN accuracy, in however many parts the run was made.</summary>
public sealed class BestCheckpointTests : RunsInFolder
{
    private const int Epochs = 6, StepsPerEpoch = 4;

    [Fact]
    public void Best_IsThatOfTheLargestKnn_OfAStoppedAndResumedRunToo()
    {
        var (epoch, step, knn) = Best(Pretraining.Run(Measured("whole")).RunFolder);
        Assert.InRange(epoch, 1, 3); // not simply the last
        Assert.Equal((epoch * StepsPerEpoch, Largest("whole")), (step, knn));

        // Stopped twice after it: what is measured later is less, though the best of its own part.
        foreach (int stopAt in (int[])[3 * StepsPerEpoch + 2, 4 * StepsPerEpoch + 1])
        {
            using var stop = new CancellationTokenSource();
            Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Measured("stopped") with { Resume = File.Exists(Path.Combine(folder, "stopped", "config.json")) },
                new ProgressHandler<RunProgress>(report =>
                {
                    if (report is RunProgress.Step each && each.StepInRun == stopAt) stop.Cancel();
                }), stop.Token));
            Assert.Equal(stopAt, SavedStep(Path.Combine(folder, "stopped")));
            Assert.Equal((epoch, step, knn), Best(Path.Combine(folder, "stopped")));
        }
        Pretraining.Run(Measured("stopped") with { Resume = true });
        Assert.Equal(Largest("whole"), Largest("stopped"));
        Assert.Equal((epoch, step, knn), Best(Path.Combine(folder, "stopped")));
    }

    [Fact]
    public void Best_OfWhatTheLastCheckpointSays_IsBeatenByMoreAlone()
    {
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Measured("edited"), new ProgressHandler<RunProgress>(report =>
        {
            if (report is RunProgress.Step { StepInRun: StepsPerEpoch + 2 }) stop.Cancel();
        }), stop.Token));
        string run = Path.Combine(folder, "edited"), state = Path.Combine(Store(run).Last!, "state.json");
        var (_, _, knn) = Best(run);
        string before = File.ReadAllText(state), said = $"\"best_knn\": {JsonSerializer.Serialize(knn)}";
        Assert.Contains(said, before, StringComparison.Ordinal);
        File.WriteAllText(state, before.Replace(said, "\"best_knn\": 1", StringComparison.Ordinal));

        Pretraining.Run(Measured("edited") with { Resume = true });
        Assert.True(Largest("edited") > knn, "No later epoch is better, so nothing was tried.");
        Assert.Equal((1, StepsPerEpoch, knn), Best(run));
    }

    private PretrainOptions Measured(string name) => Options(name) with { Epochs = Epochs, EvaluateEvery = 1 };

    private static CheckpointStore Store(string run) => new(Path.Combine(run, "checkpoints"));

    /// <summary>Epoch and step of the best checkpoint, and the accuracy that was measured then.</summary>
    private static (int Epoch, int Step, double Knn) Best(string run)
    {
        using var state = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Store(run).Best!, "state.json")));
        int epoch = state.RootElement.GetProperty("epoch").GetInt32();
        double knn = RunFolder.ReadMetrics(run).Single(metrics => metrics.Epoch == epoch).Knn!.Value;
        Assert.Equal(knn, state.RootElement.GetProperty("best_knn").GetDouble());
        return (epoch, state.RootElement.GetProperty("step").GetInt32(), knn);
    }

    /// <summary>Of the trained network: epoch 0 has no checkpoint.</summary>
    private double Largest(string name) => RunFolder.ReadMetrics(Path.Combine(folder, name)).Where(metrics => metrics.Epoch > 0).Max(metrics => metrics.Knn!.Value);
}
