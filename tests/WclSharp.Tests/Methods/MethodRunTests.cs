using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Methods;
using WclSharp.Reporting;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Methods;

/// <summary>Every method from options to run folder, on a few of the embedded images.</summary>
public sealed class MethodRunTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-methods-").FullName;

    public static TheoryData<ContrastiveMethod> All => new(Enum.GetValues<ContrastiveMethod>());

    private PretrainOptions Options(ContrastiveMethod method, string name, bool resume = false) => SmallRun.Options with
    {
        Method = method,
        Epochs = 2,
        EvaluateEvery = 2,
        Out = Path.Combine(folder, name),
        Resume = resume,
    };

    [Theory, MemberData(nameof(All))]
    public void TwoEpochs_LeaveFiniteLosses_TheirPairs_AndARunFolder(ContrastiveMethod method)
    {
        PretrainResult? trained = null;
        LiveTensors.AssertNoneLeftBy(() => trained = Pretraining.Run(Options(method, "run")));

        var result = trained!;
        Assert.True(File.Exists(result.EncoderFile));
        Assert.Equal(OptionValue.NameOf(method), result.Summary.Method);
        var epochs = RunFolder.ReadMetrics(result.RunFolder).Where(m => m.Epoch > 0).ToArray();
        Assert.Equal(2, epochs.Length);
        bool weak = MethodFactory.HasWeakLoss(method);
        Assert.All(epochs, m =>
        {
            Assert.True(double.IsFinite(m.InstanceLoss!.Value));
            Assert.Equal(weak, m.WeakLoss is { } loss && double.IsFinite(loss));
            Assert.Equal(weak, m.Components is not null);
            Assert.Equal(method == ContrastiveMethod.InstDisc, m.Alignment is null);
        });

        var last = epochs[^1];
        bool related = method is not (ContrastiveMethod.SimClr or ContrastiveMethod.InstDisc);
        Assert.Equal((related, related, related), (last.PairPrecision is not null, last.PairRecall is not null, last.Conflicts is not null));
        if (weak || method == ContrastiveMethod.SupCon) Assert.Equal(0, last.Conflicts);
        if (method is ContrastiveMethod.AdpClr or ContrastiveMethod.FnCancel) Assert.InRange(last.Conflicts!.Value, 0.01, 0.99);
        if (method == ContrastiveMethod.SupCon) Assert.Equal((1, 1), (last.PairPrecision, last.PairRecall));
        if (method == ContrastiveMethod.AdpClr) Assert.Null(epochs[0].Conflicts); // the first half is SimCLR
        Assert.Equal((last.PairPrecision, last.PairRecall, last.Conflicts), (result.Summary.PairPrecision, result.Summary.PairRecall, result.Summary.Conflicts));
    }

    [Fact]
    public void InstDisc_StoppedAndResumed_EndsWithTheSameBytes()
    {
        var whole = Pretraining.Run(Options(ContrastiveMethod.InstDisc, "whole"));
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Options(ContrastiveMethod.InstDisc, "stopped"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step { StepInRun: 5 }) stop.Cancel();
        }), stop.Token));
        var resumed = Pretraining.Run(Options(ContrastiveMethod.InstDisc, "stopped", resume: true));

        Assert.Equal(SmallRun.HashOfFile(whole.EncoderFile), SmallRun.HashOfFile(resumed.EncoderFile));
        Assert.Equal(SmallRun.HashOfFile(Bank(whole)), SmallRun.HashOfFile(Bank(resumed)));
        Assert.Equal(whole.Summary.InstanceLoss, resumed.Summary.InstanceLoss);

        static string Bank(PretrainResult run) => Directory.GetFiles(Path.Combine(run.RunFolder, "checkpoints"), "method.safetensors", SearchOption.AllDirectories).Max()!;
    }

    [Theory]
    [InlineData(3)]  // before there is a graph
    [InlineData(5)]  // with the epoch's last step: the graph is made when the run goes on
    [InlineData(8)]  // within an epoch of a graph
    public void WclBank_StoppedAndResumed_EndsWithTheSameBytes(int stopAt)
    {
        PretrainOptions Run(string name, bool resume = false) => Options(ContrastiveMethod.WclBank, name, resume) with { Epochs = 3, BankStart = 1 };
        var whole = Pretraining.Run(Run("whole"));
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pretraining.Run(Run("stopped"), new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step step && step.StepInRun == stopAt) stop.Cancel();
        }), stop.Token));
        var resumed = Pretraining.Run(Run("stopped", resume: true));

        Assert.Equal(SmallRun.HashOfFile(whole.EncoderFile), SmallRun.HashOfFile(resumed.EncoderFile));
        Assert.Equal((whole.Summary.WeakLoss, whole.Summary.PairPrecision), (resumed.Summary.WeakLoss, resumed.Summary.PairPrecision));
        var wcl = Pretraining.Run(Options(ContrastiveMethod.Wcl, "wcl") with { Epochs = 3 });
        Assert.NotEqual(SmallRun.HashOfFile(wcl.EncoderFile), SmallRun.HashOfFile(whole.EncoderFile));
    }

    [Fact]
    public void FnCancel_LeavesTheSameTensorsFromStepToStep()
    {
        var counts = new List<long>();
        LiveTensors.OnOwnThread(() => Pretraining.Run(Options(ContrastiveMethod.FnCancel, "steps") with { FnSupport = 2 }, new ProgressHandler<RunProgress>(p =>
        {
            if (p is RunProgress.Step) counts.Add(LiveTensors.Count);
        })));
        Assert.True(counts.Count >= 6);
        Assert.Single(counts.Skip(2).Distinct());
    }

    [Fact]
    public void SupCon_WithoutClasses_IsRefusedBeforeAnythingIsWritten()
    {
        string images = Directory.CreateDirectory(Path.Combine(folder, "images")).FullName;
        for (int i = 0; i < 8; i++) File.WriteAllBytes(Path.Combine(images, $"{i}.png"), Data.ImageFiles.Skia(SkiaSharp.SKEncodedImageFormat.Png));
        var error = Assert.Throws<WclUsageException>(() => Pretraining.Run(Options(ContrastiveMethod.SupCon, "none") with { Data = images, Limit = null, Batch = 4 }));
        Assert.Contains("no training image has one", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder, "none", "config.json")));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
