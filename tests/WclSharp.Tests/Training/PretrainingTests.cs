using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>That training is worth its time: other tests hold its parts to their formulas.</summary>
public sealed class PretrainingTests : RunsInFolder
{
    private const int Epochs = 8;
    private const double LeastGain = 0.02; // an untrained network has 64 to 67 % here, and training gained 6.8 to 7.3 points by wcl and 4.0 to 9.5 by simclr with three seeds

    [Theory]
    [InlineData(ContrastiveMethod.Wcl)]
    [InlineData(ContrastiveMethod.SimClr)]
    public void Run_OnSomeOfTheEmbeddedImages_BringsThoseOfAClassTogether_AndItsLossesFall(ContrastiveMethod method)
    {
        var summary = Pretraining.Run(new PretrainOptions
        {
            Method = method,
            Limit = 2000,
            ImageSize = 16,
            Width = 8,
            Epochs = Epochs,
            EvaluateEvery = Epochs,
            LearningRate = 0.1,
            Seed = 1,
            Device = "cpu",
            Out = Path.Combine(folder, "run"),
        }).Summary;

        Assert.Equal((1600, 400), (summary.TrainImages, summary.TestImages!.Value));
        double gain = summary.Knn!.Value - summary.KnnBefore!.Value;
        Assert.True(gain > LeastGain, $"From {summary.KnnBefore} to {summary.Knn}.");
        var epochs = RunFolder.ReadMetrics(Path.Combine(folder, "run"));
        Assert.Equal(Epochs + 1, epochs.Count);
        Falls(metrics => metrics.InstanceLoss!.Value);
        if (method == ContrastiveMethod.Wcl) Falls(metrics => metrics.WeakLoss!.Value);

        void Falls(Func<EpochMetrics, double> loss)
        {
            double[] of = [.. epochs.Skip(1).Select(loss)];
            Assert.True(of[0] - of[^1] > 0.2, string.Join(' ', of)); // by 0.35 and more
        }
    }
}
