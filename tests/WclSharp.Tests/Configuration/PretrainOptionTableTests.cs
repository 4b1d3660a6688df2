using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Tests.Configuration;

public sealed class PretrainOptionTableTests
{
    [Fact]
    public void All_CoversEveryPropertyOfTheOptions()
    {
        // Were a property left out, a run could not be repeated from its config.json.
        Assert.Equal(typeof(PretrainOptions).GetProperties().Count(property => property.CanWrite), PretrainOptionTable.All.Count);
        Assert.Equal(PretrainOptionTable.All.Count, PretrainOptionTable.All.Select(option => option.Name).Distinct().Count());
    }

    [Fact]
    public void Parse_WhatShowGives_SetsTheSame()
    {
        var everything = ConfigFileTests.Everything with { Out = "/out", Resume = true };
        var options = PretrainOptionTable.All.Aggregate(new PretrainOptions(), (current, option) => option.Parse(current, option.Show(everything)!));

        Assert.Equal(everything, options);
    }

    [Theory]
    [InlineData("float32", ComputePrecision.Fp32), InlineData("BFloat16", ComputePrecision.Bf16), InlineData("bf16", ComputePrecision.Bf16)]
    public void Parse_NumberFormatByItsOtherName_IsTaken(string text, ComputePrecision expected)
    {
        var option = PretrainOptionTable.Find("precision")!;
        var parsed = option.Parse(new PretrainOptions(), text);
        Assert.Equal(expected, parsed.Precision);
        Assert.Equal(expected == ComputePrecision.Fp32 ? "fp32" : "bf16", option.Show(parsed));
    }

    [Theory]
    [InlineData("batch", "1", "Batch size 1 gives no neighbours; use 2 or more.")]
    [InlineData("batch", "0", "--batch is 0; it must be 2 or more.")]
    [InlineData("temperature", "0", "--temperature is 0; it must be from 0.000001 to 1000000.")]
    [InlineData("lr", "NaN", "--lr is \"NaN\"; expected a number.")]
    [InlineData("lr", "1e400", "--lr is \"1e400\"; expected a number.")]
    [InlineData("epochs", "3000000000", "expected a whole number")]
    [InlineData("width", "10", "multiple of 4")]
    [InlineData("device", "gpu", "must be cpu, cuda, cuda:N or auto")]
    [InlineData("max-bad", "1.5", "must be from 0 to 1")]
    [InlineData("method", "wclonehead", "expected wcl, wcl-one-head, wcl-no-swap, wcl-bank, simclr")]
    [InlineData("adpclr-k", "-1", "must be zero or more")]
    [InlineData("fn-threshold", "1.1", "must be from -1 to 1")]
    [InlineData("head-hidden", "16385", "must be from 1 to 16384")]
    [InlineData("head-output", "2147483647", "must be from 2 to 16384")]
    [InlineData("epochs", "2147483647", "must be from 0 to 1000000")]
    [InlineData("jitter", "1e300", "must be from 0 to 10")]
    [InlineData("vertical-flip", "1.5", "must be from 0 to 1")]
    [InlineData("vertical-flip", "-0.5", "must be from 0 to 1")]
    [InlineData("rotation", "90", "must be from 0 to 1")]
    [InlineData("instdisc-momentum", "1", "must be from 0 to below 1")]
    public void Parse_BadValue_IsRefusedWithTheValue(string name, string text, string message)
    {
        var error = Assert.Throws<WclUsageException>(() => PretrainOptionTable.Find(name)!.Parse(new PretrainOptions(), text));

        Assert.Contains(message, error.Message);
    }

    [Fact]
    public void Validate_BadValueSetInCode_IsRefused() =>
        Assert.Throws<WclUsageException>(() => PretrainOptionTable.Validate(new PretrainOptions { Temperature = -1 }));

    [Fact]
    public void Differences_OnlyWhatTheResultDependsOn()
    {
        var other = ConfigFileTests.Everything with { LearningRate = 1, KnnK = 12, EvaluateEvery = 9, Workers = 9, Out = "/elsewhere", Resume = true };

        Assert.Equal(["lr", "knn-k"], PretrainOptionTable.Differences(ConfigFileTests.Everything, other));
    }

    [Theory]
    [InlineData("wcl-one-head", ContrastiveMethod.WclOneHead)]
    [InlineData("wcl-no-swap", ContrastiveMethod.WclNoSwap)]
    [InlineData("instdisc", ContrastiveMethod.InstDisc)]
    public void Parse_Method_ByItsNameWithDashes(string name, ContrastiveMethod method)
    {
        var option = PretrainOptionTable.Find("method")!;

        var options = option.Parse(new PretrainOptions(), name);
        Assert.Equal((method, name), (options.Method, option.Show(options)));
    }
}
