using WclSharp.Kernels;
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
    }

    [Fact]
    public void Run_Auto_DoesNotRoundTiles()
    {
        var auto = Pretraining.Run(SmallRun.Options with { Width = 32, Limit = 64, Epochs = 1, Out = Path.Combine(folder, "auto") });
        Assert.Contains(auto.Summary.Precision, (string[])["fp32", "bf16"]);
    }
}
