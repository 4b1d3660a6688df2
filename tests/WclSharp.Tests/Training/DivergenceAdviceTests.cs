using WclSharp.Training;

namespace WclSharp.Tests.Training;

public sealed class DivergenceAdviceTests
{
    [Theory]
    [InlineData(ContrastiveMethod.Wcl, 0.3, ComputePrecision.Bf16, 5, "Lower --lr or raise --temperature.")]
    [InlineData(ContrastiveMethod.InstDisc, 0.3, ComputePrecision.Fp32, 5, "Lower --lr or raise --instdisc-temperature.")]
    [InlineData(ContrastiveMethod.InstDisc, 0.3, ComputePrecision.Fp32, 0, "Raise --instdisc-temperature.")]
    [InlineData(ContrastiveMethod.Wcl, 1e-8, ComputePrecision.Bf16, 5, "Raise --temperature or use --precision fp32; --lr 1E-08 is small enough.")]
    [InlineData(ContrastiveMethod.Wcl, 1e-8, ComputePrecision.Fp32, 5, "Raise --temperature; --lr 1E-08 is small enough.")]
    public void Of_NamesWhatCanHelp(ContrastiveMethod method, double rate, ComputePrecision precision, long step, string advice) =>
        Assert.Equal(advice, DivergenceAdvice.Of(new PretrainOptions { Method = method, LearningRate = rate, Precision = precision }, step));

    [Fact]
    public void Of_BeforeTheFirstStep_LaysNothingToTheRate()
    {
        Assert.Equal("raise --temperature", DivergenceAdvice.OfDistillation(null, 0));
        Assert.Equal("raise --temperature, or begin with other weights than those of --init", DivergenceAdvice.OfDistillation("w", 0));
        Assert.Equal("lower --lr", DivergenceAdvice.OfDistillation("w", 1));
        Assert.DoesNotContain("-lr", DivergenceAdvice.OfFineTuning("--scratch-lr", 0), StringComparison.Ordinal);
        Assert.Equal("lower --scratch-lr", DivergenceAdvice.OfFineTuning("--scratch-lr", 1));
    }
}
