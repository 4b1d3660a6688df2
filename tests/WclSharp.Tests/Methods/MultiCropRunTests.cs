using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Methods;
using WclSharp.Reporting;
using WclSharp.Tests.Training;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Methods;

/// <summary>Multi-crop in whole runs: what it adds, what it needs, and that a stopped run goes on as if it had not been stopped.</summary>
public sealed class MultiCropRunTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-multi-crop-").FullName;

    private PretrainOptions Options(string name, MultiCrop multiCrop) => SmallRun.Options with
    {
        Epochs = 3,
        EvaluateEvery = 3,
        MultiCrop = multiCrop,
        LocalCrops = 2,
        Out = Path.Combine(folder, name),
    };

    [Theory]
    [InlineData(MultiCrop.Standard, ContrastiveMethod.Wcl, true, true)]
    [InlineData(MultiCrop.Standard, ContrastiveMethod.SimClr, true, false)]
    [InlineData(MultiCrop.Knn, ContrastiveMethod.Wcl, false, true)]
    [InlineData(MultiCrop.Knn, ContrastiveMethod.WclOneHead, false, true)]
    public void Run_HasTheTermsOfItsKind(MultiCrop multiCrop, ContrastiveMethod method, bool instance, bool weak)
    {
        var run = Pretraining.Run(Options("terms", multiCrop) with { Method = method });

        foreach (var epoch in RunFolder.ReadMetrics(run.RunFolder).Skip(1))
        {
            Assert.Equal((instance, weak), (epoch.LocalInstanceLoss > 0, epoch.LocalWeakLoss > 0));
            Assert.True(double.IsFinite((epoch.LocalInstanceLoss ?? 0) + (epoch.LocalWeakLoss ?? 0)));
            Assert.Equal(multiCrop == MultiCrop.Knn && epoch.Epoch > 1, epoch.CropConflicts is not null);
        }
    }

    [Fact]
    public void CropSources_AreDrawnBySeed_AmongAsManyNeighboursAsAreAskedFor()
    {
        using var scope = NewDisposeScope();
        const int Images = 60, K = 3;
        int[] images = [.. Enumerable.Range(0, Images)];
        int[] near = [.. images.SelectMany(i => Enumerable.Range(1, K).Select(step => (i + step) % Images))];
        int[] Sources(long seed)
        {
            var options = Presets.Resolve(SmallRun.Options with { MultiCrop = MultiCrop.Knn, LocalCrops = 4, BankK = K, CropNeighbors = CropNeighbors.Encoder, Seed = seed }, new DataFacts(Images, 28, Embedded: true)).Options;
            using var method = MethodFactory.Create(options, Images, labels: true, CPU);
            method.Load(new Dictionary<string, Tensor> { ["bank.neighbors"] = tensor(near, [Images, K]) });
            return method.CropSources(images, 1, 2)!;
        }

        Assert.Equal(Sources(1), Sources(1));
        Assert.NotEqual(Sources(1), Sources(2));
        Assert.All(images, i => Assert.InRange((Sources(1)[i] - i + Images) % Images, 1, K));
    }

    [Theory]
    [InlineData(2)] // in the first epoch: no neighbours yet
    [InlineData(6)] // in the second: neighbours of the first epoch's end, a bank that has moved on
    [InlineData(8)] // with the epoch's last step: the neighbours are found when the run goes on
    public void Knn_StoppedAndResumed_EndsWithTheSameBytes(int stopAt)
    {
        string whole = Pretraining.Run(Options("whole", MultiCrop.Knn)).RunFolder;
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Options("stopped", MultiCrop.Knn), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step step && step.StepInRun == stopAt) stop.Cancel();
        }), stop.Token));
        var resumed = Pretraining.Run(Options("stopped", MultiCrop.Knn) with { Resume = true });
        Assert.Equal(SmallRun.HashOf(whole), SmallRun.HashOf(resumed.RunFolder));
        Assert.Equal(CropConflicts(whole), CropConflicts(resumed.RunFolder));
    }

    [Fact]
    public void Knn_StoppedBetweenNewNeighborsAndTheEpochsLine_LogsTheEpochsOwnConflicts()
    {
        PretrainOptions Run(string name) => Options(name, MultiCrop.Knn) with { EvaluateEvery = 1 };
        var whole = Pretraining.Run(Run("whole"));
        using var stop = new CancellationTokenSource();
        long step = 0;
        bool found = false;
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Run("stopped"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: var taken }) step = taken;
            if (p is not RunProgress.Working { Stage: var stage } || step != 8) return;
            found |= stage == "Finding nearest images";
            if (found && stage == "Computing features") stop.Cancel();
        }), stop.Token));
        string stopped = Path.Combine(folder, "stopped");
        Assert.Equal(1, RunFolder.ReadMetrics(stopped)[^1].Epoch);
        Pretraining.Run(Run("stopped") with { Resume = true });
        Assert.Equal(CropConflicts(whole.RunFolder), CropConflicts(stopped));

        // Of the neighbours that the epoch's crops are cut from, which the first has none of; the batches' components have no conflicts.
        var epochs = RunFolder.ReadMetrics(whole.RunFolder);
        Assert.Equal([null, null], CropConflicts(whole.RunFolder)[..2]);
        Assert.All(epochs.Skip(2), epoch => Assert.InRange(epoch.CropConflicts!.Value, 0.05, 0.95));
        Assert.NotEqual(epochs[2].CropConflicts, epochs[3].CropConflicts);
        Assert.Equal((epochs[^1].CropConflicts, 0), (whole.Summary.CropConflicts, whole.Summary.Conflicts));
    }

    private static double?[] CropConflicts(string run) => [.. RunFolder.ReadMetrics(run).Select(epoch => epoch.CropConflicts)];

    [Theory]
    [InlineData(CropNeighbors.Bank)]
    [InlineData(CropNeighbors.Encoder)]
    public void Knn_WithOwnCrops_HasBothTerms_AndGoesOnWithTheSameBytes(CropNeighbors by)
    {
        PretrainOptions Run(string name) => Options(name, MultiCrop.Knn) with { OwnCrops = 1, CropNeighbors = by };
        var whole = Pretraining.Run(Run("whole"));
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Run("stopped"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step step && step.StepInRun == 6) stop.Cancel();
        }), stop.Token));
        var resumed = Pretraining.Run(Run("stopped") with { Resume = true });
        Assert.Equal(SmallRun.HashOf(whole.RunFolder), SmallRun.HashOf(resumed.RunFolder));

        var epochs = RunFolder.ReadMetrics(whole.RunFolder);
        Assert.All(epochs.Skip(1), epoch => Assert.True(epoch.LocalInstanceLoss > 0 && epoch.LocalWeakLoss > 0));
        Assert.Null(epochs[1].CropPrecision); // no neighbours in the first epoch
        Assert.InRange(epochs[^1].CropPrecision!.Value, 0.02, 0.99); // a tenth is chance, and two epochs learn little
        Assert.Equal(epochs[^1].CropPrecision, whole.Summary.CropPrecision);
    }

    [Fact]
    public void Knn_ByTheEncodersFeatures_OfWclBank_TakesOnePassForThemAnEpoch()
    {
        int passes = 0;
        var options = Options("passes", MultiCrop.Knn) with { Method = ContrastiveMethod.WclBank, BankStart = 1, CropNeighbors = CropNeighbors.Encoder, EvaluateEvery = 1 };
        Pretraining.Run(options, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Working { Stage: "Computing features", Total: 128 } working && working.Done == working.Total) passes++;
        }));
        Assert.Equal(1 + options.Epochs + 1, passes); // before the first epoch, for graph, neighbours and kNN together, and for the sheet
    }

    [Fact]
    public void Knn_WithOwnCropsAlone_IsStandard()
    {
        string Trained(string name, MultiCrop kind) => SmallRun.HashOf(Pretraining.Run(Options(name, kind) with { OwnCrops = 2, Epochs = 2 }).RunFolder);
        Assert.Equal(Trained("standard", MultiCrop.Standard), Trained("knn", MultiCrop.Knn));
    }

    [Fact]
    public void Knn_TrainsOtherwiseThanStandard_OnceThereAreNeighbors()
    {
        // The same terms, so that only the sources differ; in the first epoch these are the images themselves in both.
        PretrainOptions Weak(string name, MultiCrop kind, int epochs) => Options(name, kind) with { LocalInstanceWeight = 0, Epochs = epochs, WarmupEpochs = 0 };
        double[] Losses(MultiCrop kind) => [.. RunFolder.ReadMetrics(Pretraining.Run(Weak(kind.ToString(), kind, 2)).RunFolder).Skip(1).Select(epoch => epoch.LocalWeakLoss!.Value)];
        var (standard, knn) = (Losses(MultiCrop.Standard), Losses(MultiCrop.Knn));
        Assert.Equal(standard[0], knn[0], 1e-6);
        Assert.NotEqual(standard[1], knn[1], 1e-3);
    }

    [Fact]
    public void MethodWithoutTwoViewsOfItsKind_IsRefused()
    {
        var error = Assert.Throws<WclUsageException>(() => Pretraining.Run(Options("supcon", MultiCrop.Standard) with { Method = ContrastiveMethod.SupCon }));
        Assert.Contains("goes with --method wcl, wcl-one-head, wcl-no-swap, wcl-bank and simclr, not with supcon", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<WclUsageException>(() => Pretraining.Run(Options("simclr", MultiCrop.Knn) with { Method = ContrastiveMethod.SimClr }));
        Assert.Contains("needs weak labels", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_LeavesNoTensorBehind()
    {
        Pretraining.Run(Options("first", MultiCrop.Knn));
        LiveTensors.AssertNoneLeftBy(() => Pretraining.Run(Options("second", MultiCrop.Knn)));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
