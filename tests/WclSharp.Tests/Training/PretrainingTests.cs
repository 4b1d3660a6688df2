using WclSharp.Augmentation;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

/// <summary>That training is worth its time: other tests hold its parts to their formulas.</summary>
public sealed class PretrainingTests : RunsInFolder
{
    private const int Epochs = 8;
    private const double LeastGain = 0.02; // an untrained network has 64 to 67 % here, and training gained 6.8 to 7.3 points by wcl and 4.0 to 9.5 by simclr with three seeds

    [Fact]
    public void Run_NoEpochs_MakesARunOfWeightsAsTheyAre()
    {
        var trained = Pretraining.Run(Options("trained") with { Epochs = 1 });
        List<string> warnings = [];
        var options = Options("as they are") with { Epochs = 0, Init = trained.RunFolder, WarmupEpochs = null };
        var measured = Pretraining.Run(options, SmallRun.Noted(warnings));
        Assert.DoesNotContain(warnings, warning => warning.StartsWith("The weights of --init", StringComparison.Ordinal));
        Assert.Equal(SmallRun.HashOfFile(trained.EncoderFile), SmallRun.HashOfFile(measured.EncoderFile));
        Assert.Equal((0, trained.Summary.Knn, RunSummary.Finished), (measured.Summary.Epoch, measured.Summary.Knn, measured.Summary.Status));
        var again = Pretraining.Run(options with { Resume = true, Init = trained.RunFolder });
        Assert.Equal(measured.Summary.Knn, again.Summary.Knn);
        Assert.Equal(0, Assert.Single(RunFolder.ReadMetrics(measured.RunFolder)).Epoch);
        Assert.Equal(trained.Summary.Knn, RunEvaluation.Run(new RunEvaluationOptions { Run = measured.RunFolder, Device = "cpu" }).Knn);

        Assert.Contains("--epochs 0 trains nothing", Assert.Throws<WclUsageException>(() => Pretraining.Run(Options("random") with { Epochs = 0, WarmupEpochs = null })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_InitOfAnotherNormalisationOrSize_IsToldOf()
    {
        string file = Path.Combine(folder, "other.safetensors");
        using (var network = new ResNet(EncoderArch.ResNet18, SmallRun.Options.Width!.Value, EncoderStem.Small, seed: 1)) ImageEncoder.Save(network, file, 24, Normalization.ImageNet);
        List<string> warnings = [];
        Pretraining.Run(Options("other") with { Epochs = 0, WarmupEpochs = null, Init = file }, SmallRun.Noted(warnings));
        Assert.Contains("The weights of --init were trained on images normalised by means 0.485, 0.456, 0.406 and standard deviations 0.229, 0.224, 0.225; this run normalises by means 0.286, 0.286, 0.286 and standard deviations 0.353, 0.353, 0.353, which follow from its --image-size and channels, so the encoder's features will differ from those it gave before.", warnings);
        Assert.Contains("The weights of --init were trained at 24 x 24 pixels; this run is at 16 x 16. --image-size 24 makes it the same.", warnings);
    }

    [Fact]
    public void Run_OptimiserDecayAndStart_AreThoseThatAreAskedFor()
    {
        string Weights(string name, PretrainOptions options) => SmallRun.HashOf(Pretraining.Run(options with { Epochs = 1, Out = Path.Combine(folder, name) }).RunFolder);
        var options = Options("any") with { WarmupEpochs = 0, LearningRate = 0.05 };
        string[] hashes =
        [
            Weights("sgd", options),
            Weights("adamw", options with { Optimizer = OptimizerKind.AdamW }),
            Weights("lars", options with { Optimizer = OptimizerKind.Lars }),
            Weights("decay", options with { WeightDecay = 0.3 }),
            Weights("start", options with { ConvInit = ConvInit.Torchvision }),
        ];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
        Assert.Equal(hashes[0], Weights("again", options with { Optimizer = OptimizerKind.Sgd, ConvInit = ConvInit.PyTorch })); // the preset's
    }

    [Fact]
    public void Run_WclBank_IsWclUntilItsGraph_WhichIsThereFromTheEpochThatIsAskedFor()
    {
        string Weights(string name, ContrastiveMethod method, int? start) => SmallRun.HashOf(Pretraining.Run(Options(name) with
        {
            Method = method,
            Epochs = 2,
            WeakKeys = WeakKeys.Detached,
            BankStart = start,
        }).RunFolder);

        string wcl = Weights("wcl", ContrastiveMethod.Wcl, null);
        Assert.Equal(wcl, Weights("later", ContrastiveMethod.WclBank, 2));
        Assert.NotEqual(wcl, Weights("second epoch", ContrastiveMethod.WclBank, 1));
    }

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
