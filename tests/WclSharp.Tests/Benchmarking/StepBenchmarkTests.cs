using TorchSharp;
using WclSharp.Benchmarking;
using WclSharp.Configuration;
using WclSharp.Methods;
using WclSharp.Tests.Training;
using WclSharp.Training;

namespace WclSharp.Tests.Benchmarking;

public class StepBenchmarkTests
{
    private static readonly PretrainOptions Small = SmallRun.Options with { Arch = EncoderArch.ResNet18, Stem = EncoderStem.Small };

    [Fact]
    public void LateInARun_WclBank_HasGroups()
    {
        using var method = StepBenchmark.LateInARun(MethodDefaults.Fill(Small with { Method = ContrastiveMethod.WclBank }), torch.CPU);
        Assert.Equal(32, method.Groups!.Length);
        Assert.InRange(method.Groups.Distinct().Count(), 2, 16); // each image has a partner
    }

    [Theory]
    [InlineData(ContrastiveMethod.WclBank)]
    [InlineData(ContrastiveMethod.InstDisc)]
    public void Run_OfAMethodWithState_TimesSteps(ContrastiveMethod method) => Assert.Equal(2, StepBenchmark.Run(Small with { Method = method }, repeat: 2).Seconds.Count);
}
