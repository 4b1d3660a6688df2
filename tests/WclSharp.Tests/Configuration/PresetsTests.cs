using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Tests.Configuration;

public sealed class PresetsTests
{
    private static readonly DataFacts Many = new(50_000, 32, Embedded: false);

    [Fact]
    public void Resolve_AnyPreset_LeavesNothingOpen()
    {
        foreach (string preset in Presets.Names)
        {
            var options = Presets.Resolve(new PretrainOptions { Preset = preset }, Many).Options;
            string[] open = [.. PretrainOptionTable.All.Where(option => option.Show(options) is null).Select(option => option.Name)];

            // The paper's two recipes have each their own smallest crop.
            string[] crop = options.Augmentation == AugmentationSchedule.Paper ? ["crop-min"] : [];
            Assert.Equal(["data", "test", "labels", "limit", "init", .. crop, "out", "cache-folder"], open);
        }
    }

    [Fact]
    public void Resolve_ImageNet_IsThePapersRecipe()
    {
        var options = Presets.Resolve(new PretrainOptions { Preset = "imagenet" }, new DataFacts(1_281_167, 375, Embedded: false)).Options;

        Assert.Equal((EncoderArch.ResNet50, 64, EncoderStem.ImageNet, 224), (options.Arch, options.Width, options.Stem, options.ImageSize));
        Assert.Equal((4096, OptimizerKind.Lars, 10.0), (options.Batch, options.Optimizer, options.WarmupEpochs));
        Assert.Equal(4.8, options.LearningRate!.Value, 12); // 0.075 sqrt(4096)
        Assert.Equal(1e-6, options.WeightDecay);
        Assert.Equal((2048, 128, 200), (options.HeadHidden, options.HeadOutput, options.KnnK));
    }

    [Theory]
    [InlineData(28, 28, EncoderStem.Small)]
    [InlineData(64, 64, EncoderStem.Small)]
    [InlineData(375, 64, EncoderStem.Small)]
    [InlineData(8, 16, EncoderStem.Small)]
    public void Resolve_Tiny_TakesTheDatasSideUpTo64(int side, int imageSize, EncoderStem stem)
    {
        var options = Presets.Resolve(new PretrainOptions(), Many with { Side = side }).Options;

        Assert.Equal((imageSize, stem), (options.ImageSize, options.Stem));
    }

    [Fact]
    public void Resolve_TinyAtFullSize_TakesTheImageNetStem() =>
        Assert.Equal(EncoderStem.ImageNet, Presets.Resolve(new PretrainOptions { ImageSize = 224 }, Many).Options.Stem);

    [Theory]
    [InlineData("tiny", 64, 0.015)]
    [InlineData("tiny", 256, 0.06)]
    [InlineData("cifar", 256, 0.12)]
    [InlineData("cifar", 512, 0.24)]
    public void Resolve_Sgd_ScalesTheRateWithTheBatch(string preset, int batch, double rate) =>
        Assert.Equal(rate, Presets.Resolve(new PretrainOptions { Preset = preset, Batch = batch }, Many).Options.LearningRate!.Value, 12);

    [Fact]
    public void Resolve_WhatIsGiven_Wins()
    {
        var options = Presets.Resolve(ConfigFileTests.Everything, Many).Options;

        Assert.Equal(ConfigFileTests.Everything, options);
    }

    [Fact]
    public void Resolve_PresetBatchLargerThanData_ShrinksWithAWarning()
    {
        var (options, warnings) = Presets.Resolve(new PretrainOptions(), new DataFacts(50, 32, Embedded: false));

        Assert.Equal(32, options.Batch);
        Assert.Contains("50 images", Assert.Single(warnings));
        Assert.Equal(0.0075, options.LearningRate!.Value, 12);
    }

    [Fact]
    public void Resolve_GivenBatchLargerThanData_IsRefused()
    {
        var error = Assert.Throws<WclUsageException>(() => Presets.Resolve(new PretrainOptions { Batch = 256 }, new DataFacts(100, 32, Embedded: false)));

        Assert.Contains("--batch 256 is larger than the data set of 100 images; use 64 or fewer", error.Message);
    }

    [Fact]
    public void Resolve_OneImage_IsRefused() =>
        Assert.Throws<WclUsageException>(() => Presets.Resolve(new PretrainOptions(), new DataFacts(1, 32, Embedded: false)));

    [Fact]
    public void Resolve_ShortRun_ShortensThePresetsWarmup() =>
        Assert.Equal(2, Presets.Resolve(new PretrainOptions { Preset = "cifar", Epochs = 10 }, Many).Options.WarmupEpochs);

    [Fact]
    public void Resolve_GivenWarmupAsLongAsTheRun_IsRefused()
    {
        var error = Assert.Throws<WclUsageException>(() => Presets.Resolve(new PretrainOptions { Epochs = 3, WarmupEpochs = 3 }, Many));

        Assert.Contains("--warmup-epochs 3 is not shorter than --epochs 3", error.Message);
    }
}
