using WclSharp.Configuration;
using WclSharp.Embedding;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Grouping;
using WclSharp.Methods;
using WclSharp.Reporting;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Gpu;

/// <summary>Whole runs on a GPU: every method, going on, and what is done with the encoder afterwards.</summary>
[Trait("Category", "Gpu")]
public sealed class GpuRunTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-gpu-").FullName;

    public static TheoryData<ContrastiveMethod, MultiCrop> Kinds => [.. Enum.GetValues<ContrastiveMethod>().Select(method => (method, MultiCrop.None)),
        (ContrastiveMethod.Wcl, MultiCrop.Standard), (ContrastiveMethod.Wcl, MultiCrop.Knn), (ContrastiveMethod.SimClr, MultiCrop.Standard)];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private PretrainOptions Options(string name, string device = "cuda") => SmallRun.Options with
    {
        Device = device,
        Epochs = 2,
        EvaluateEvery = 2,
        LocalCrops = 2,
        Out = Path.Combine(folder, name),
    };

    // With weights that do not move: this network is so small that rounding grows to a percent within a few steps.
    [Theory, MemberData(nameof(Kinds))]
    public void Run_OfEveryMethod_LosesWhatTheProcessorsLoses(ContrastiveMethod method, MultiCrop multiCrop)
    {
        GivenGpu.Require();
        PretrainOptions Of(string name, string device) => Options(name, device) with { Method = method, MultiCrop = multiCrop, BankStart = method == ContrastiveMethod.WclBank ? 1 : null, Precision = ComputePrecision.Fp32, LearningRate = 1e-9 };
        var trained = Pretraining.Run(Of("there", "cuda"));
        var (here, there) = (RunFolder.ReadMetrics(Pretraining.Run(Of("here", "cpu")).RunFolder), RunFolder.ReadMetrics(trained.RunFolder));
        foreach (int epoch in (int[])[1, 2]) // in the second with neighbours' crops, groups of the whole set and nearest rows
        {
            var (expected, found) = (here[epoch], there[epoch]);
            foreach (var (one, other) in (ValueTuple<double?, double?>[])[(expected.InstanceLoss, found.InstanceLoss), (expected.WeakLoss, found.WeakLoss), (expected.LocalInstanceLoss, found.LocalInstanceLoss), (expected.LocalWeakLoss, found.LocalWeakLoss)])
            {
                Assert.Equal(one is null, other is null);
                if (one is not null) Close.Relative(one.Value, other!.Value, epoch == 1 ? 0.005 : 0.02, $"loss of epoch {epoch}"); // a nearest neighbour may differ by rounding
            }
        }
        Assert.StartsWith("NVIDIA", trained.Summary.Device, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OptimizerKind.Lars, ComputePrecision.Auto, 1), InlineData(OptimizerKind.AdamW, ComputePrecision.Bf16, 1), InlineData(OptimizerKind.Sgd, ComputePrecision.Auto, 2)]
    public void Run_StoppedInBfloat16_GoesOn(OptimizerKind optimizer, ComputePrecision precision, int accumulate)
    {
        GivenGpu.Require();
        var options = Options("stopped") with { Optimizer = optimizer, Precision = precision, Accumulate = accumulate, MultiCrop = accumulate == 1 ? MultiCrop.Standard : MultiCrop.None };
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(options, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: 7 }) stop.Cancel();
        }), stop.Token));
        long first = 0;
        var result = Pretraining.Run(options with { Resume = true }, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step step && first == 0) first = step.StepInRun;
        }));
        Assert.Equal(8, first);
        Assert.Equal((2, "bf16"), (result.Summary.Epoch, result.Summary.Precision));
        Assert.All(RunFolder.ReadMetrics(result.RunFolder).Skip(1), m => Assert.True(double.IsFinite(m.InstanceLoss!.Value)));
    }

    // Counted over the whole process, since views are made on one thread and freed on another; TorchSharp counts a parameter's tensor twice and takes it off once.
    [Fact]
    public void Run_OfMoreEpochs_LeavesNoMoreTensors()
    {
        GivenGpu.Require();
        long Left(string name, int epochs)
        {
            long before = TorchSharp.torch.Tensor.TotalCount;
            Pretraining.Run(Options(name) with { MultiCrop = MultiCrop.Knn, Epochs = epochs });
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return TorchSharp.torch.Tensor.TotalCount - before;
        }
        Left("first", 2); // what other tests forgot is collected
        Assert.Equal(Left("two", 2), Left("four", 4));
    }

    [Fact]
    public void Encoder_OfARun_IsEvaluatedFineTunedAndEmbedded_AsOnTheProcessor()
    {
        GivenGpu.Require();
        string run = Pretraining.Run(Options("run") with { Limit = 400, Width = 16 }).RunFolder;
        var (there, here) = (RunEvaluation.Run(new RunEvaluationOptions { Run = run, Device = "cuda" }), RunEvaluation.Run(new RunEvaluationOptions { Run = run, Device = "cpu" }));
        Assert.Equal(here.Knn, there.Knn, 0.05); // 80 images, in bfloat16 there
        float[][] features = [.. new[] { ("there", "cuda"), ("here", "cpu") }.Select(pass =>
        {
            string file = Path.Combine(folder, $"{pass.Item1}.npy");
            ImageEmbedding.Run(new EmbedOptions { Model = run, Out = file, Device = pass.Item2 });
            return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(file).AsSpan(128)).ToArray();
        })];
        Assert.Equal(features[1].Length, features[0].Length);
        for (int i = 0; i < features[0].Length; i++) Assert.Equal(features[1][i], features[0][i], 0.001);
        var tuned = FineTune.Run(new FineTuneOptions { Run = run, LabelFractions = [0.1], Epochs = 2, Device = "cuda", Out = Path.Combine(folder, "tuned") });
        Assert.True(File.Exists(tuned.ClassifierFile));
        ImageGrouping.Run(new GroupOptions { Run = run, Out = Path.Combine(folder, "groups"), Device = "cuda" });
        Assert.True(File.Exists(Path.Combine(folder, "groups", "gallery.html")));
    }
}
