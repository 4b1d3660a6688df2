using WclSharp.Configuration;
using WclSharp.Kernels;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Training;

public sealed class PrecisionTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-precision-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_Bf16Fast_RoundsTiles_WhereThereIsALoopForIt_AndSaysSo()
    {
        PretrainResult Run(string name, ComputePrecision precision) =>
            Pretraining.Run(SmallRun.Options with { Width = 32, Limit = 64, Epochs = 1, Precision = precision, Out = Path.Combine(folder, name) });
        var (bf16, fast, again) = (Run("bf16", ComputePrecision.Bf16), Run("fast", ComputePrecision.Bf16Fast), Run("again", ComputePrecision.Bf16Fast));
        Assert.Equal("bf16", bf16.Summary.Precision);
        Assert.Equal(SmallRun.HashOf(fast.RunFolder), SmallRun.HashOf(again.RunFolder));
        if (PairKernel.IsSupported)
        {
            Assert.Equal(("bf16-fast", ComputePrecision.Bf16Fast), (fast.Summary.Precision, RunFolder.ReadConfig(fast.RunFolder).Precision));
            Assert.NotEqual(SmallRun.HashOf(bf16.RunFolder), SmallRun.HashOf(fast.RunFolder));
            Assert.Equal(bf16.Summary.InstanceLoss!.Value, fast.Summary.InstanceLoss!.Value, 0.1);
        }
        else
        {
            Assert.Equal(("bf16", ComputePrecision.Bf16), (fast.Summary.Precision, RunFolder.ReadConfig(fast.RunFolder).Precision));
            Assert.Equal(SmallRun.HashOf(bf16.RunFolder), SmallRun.HashOf(fast.RunFolder));
        }

        // The same command goes on, whatever it came to; another precision does not.
        Assert.Equal(1, Pretraining.Run(new PretrainOptions { Out = fast.RunFolder, Resume = true, Precision = ComputePrecision.Bf16Fast }).Summary.Epoch);
        if (PairKernel.IsSupported)
            Assert.Contains("--precision bf16-fast is not what", Assert.Throws<WclUsageException>(() => Pretraining.Run(new PretrainOptions { Out = bf16.RunFolder, Resume = true, Precision = ComputePrecision.Bf16Fast })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resumed_WhereItsPrecisionIsNotToBeHad_WarnsAndKeepsItForTheNextPart()
    {
        Assert.SkipWhen(PairKernel.IsSupported, "every precision is to be had here");
        string run = Path.Combine(folder, "elsewhere"), config = Path.Combine(run, "config.json");
        Pretraining.Run(SmallRun.Options with { Limit = 64, Epochs = 1, Precision = ComputePrecision.Bf16, Out = run });
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"bf16\"", "\"bf16-fast\"", StringComparison.Ordinal));

        var warnings = new List<string>();
        var resumed = Pretraining.Run(new PretrainOptions { Out = run, Resume = true }, SmallRun.Noted(warnings));
        Assert.Contains(warnings, warning => warning.StartsWith("The run was started in bf16-fast, which", StringComparison.Ordinal) && warning.EndsWith("goes on in bf16: the weights will differ.", StringComparison.Ordinal));
        Assert.Equal(("bf16", ComputePrecision.Bf16Fast), (resumed.Summary.Precision, RunFolder.ReadConfig(run).Precision));
    }

    [Theory]
    [InlineData(true, ComputePrecision.Bf16Fast, ComputePrecision.Bf16Fast)] // elsewhere than where it was started
    [InlineData(true, ComputePrecision.Auto, ComputePrecision.Bf16)]
    [InlineData(false, ComputePrecision.Bf16Fast, ComputePrecision.Bf16)]
    public void Configuration_NamesWhatARunCameTo_AndKeepsItWhenItGoesOn(bool resume, ComputePrecision given, ComputePrecision named) =>
        Assert.Equal(named, new ComputeDevice(TorchSharp.torch.CPU, TorchSharp.torch.ScalarType.BFloat16).PrecisionOf(new PretrainOptions { Resume = resume, Precision = given }));

    [Fact]
    public void Run_Auto_TrainsInThePrecisionThatItNames()
    {
        PretrainResult Run(string name, ComputePrecision precision) =>
            Pretraining.Run(SmallRun.Options with { Width = 32, Limit = 64, Epochs = 1, Precision = precision, Out = Path.Combine(folder, name) });
        var auto = Run("auto", ComputePrecision.Auto);
        var named = Enum.GetValues<ComputePrecision>().Single(precision => precision != ComputePrecision.Auto && OptionValue.NameOf(precision) == auto.Summary.Precision);
        Assert.Equal(SmallRun.HashOf(Run("named", named).RunFolder), SmallRun.HashOf(auto.RunFolder));
        Assert.NotEqual(SmallRun.HashOf(Run("other", named == ComputePrecision.Fp32 ? ComputePrecision.Bf16 : ComputePrecision.Fp32).RunFolder), SmallRun.HashOf(auto.RunFolder));
    }
}
