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
            // What belongs to one method alone stays unset for the others.
            string[] others = [.. PretrainOptionTable.All.Where(option => option.OnlyFor is not null).Select(option => option.Name)];
            Assert.Equal(["data", "test", "labels", "limit", "init", .. crop, .. others, "out", "cache-folder"], open);
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
    [InlineData("tiny", ConvInit.PyTorch)]
    [InlineData("cifar", ConvInit.Torchvision)]
    [InlineData("imagenet", ConvInit.Torchvision)]
    public void Resolve_ConvInit_IsThePresets_OrTheGivenOne(string preset, ConvInit own)
    {
        Assert.Equal(own, Presets.Resolve(new PretrainOptions { Preset = preset }, Many).Options.ConvInit);
        var other = own == ConvInit.PyTorch ? ConvInit.Torchvision : ConvInit.PyTorch;
        Assert.Equal(other, Presets.Resolve(new PretrainOptions { Preset = preset, ConvInit = other }, Many).Options.ConvInit);
    }

    [Theory]
    [InlineData("tiny", OptimizerKind.Sgd, 128, 0.03, 5e-4)]
    [InlineData("imagenet", OptimizerKind.Sgd, 1024, 0.12, 1e-4)]
    [InlineData("cifar", OptimizerKind.AdamW, 512, 2e-3, 0.05)]
    [InlineData("imagenet", OptimizerKind.AdamW, 256, 1e-3, 0.05)]
    [InlineData("cifar", OptimizerKind.Lars, 1024, 2.4, 1e-6)]
    public void Resolve_RateAndDecay_AreTheOptimisers(string preset, OptimizerKind optimizer, int batch, double rate, double decay)
    {
        var options = Presets.Resolve(new PretrainOptions { Preset = preset, Optimizer = optimizer, Batch = batch }, Many).Options;
        Assert.Equal(rate, options.LearningRate!.Value, 12);
        Assert.Equal(decay, options.WeightDecay!.Value, 12);
    }

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

        Assert.Contains("--batch 256 is larger than the data set of 100 images; use 100 or fewer", error.Message);
    }

    [Theory]
    [InlineData(64, 65, "--accumulate 65 cuts a batch of 64 images into chunks of fewer than 2, and batch norm needs 2; use 32 or less.")]
    [InlineData(64, 33, "--accumulate 33 cuts a batch of 64 images into chunks of fewer than 2, and batch norm needs 2; use 32 or less.")]
    [InlineData(64, 5, "--accumulate 5 does not cut a batch of 64 images into equal chunks; use 4, or another --batch.")]
    [InlineData(97, 3, "--accumulate 3 does not cut a batch of 97 images into equal chunks; use 1, or another --batch.")]
    [InlineData(64, 0, "--accumulate is 0; it must be 1 or more.")]
    public void Resolve_ChunksThatDoNotFitTheBatch_AreRefused(int batch, int chunks, string message) =>
        Assert.Equal(message, Assert.Throws<WclUsageException>(() => Presets.Resolve(new PretrainOptions { Batch = batch, Accumulate = chunks }, Many)).Message);

    [Theory]
    [InlineData(64, 32)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    public void Resolve_ChunksThatFitTheBatch_AreTaken(int batch, int chunks) =>
        Assert.Equal(chunks, Presets.Resolve(new PretrainOptions { Batch = batch, Accumulate = chunks }, Many).Options.Accumulate);

    [Fact]
    public void Resolve_SmallestCrop_IsThePresetsUnlessGiven()
    {
        Assert.Equal(0.2, Presets.Resolve(new PretrainOptions(), Many).Options.CropMin);
        Assert.Equal(0.3, Presets.Resolve(new PretrainOptions { CropMin = 0.3 }, Many).Options.CropMin);
        Assert.Null(Presets.Resolve(new PretrainOptions { Preset = "cifar" }, Many).Options.CropMin);
    }

    [Theory]
    [InlineData(null), InlineData(2)]
    public void Resolve_OneImage_IsRefused(int? batch) => Assert.StartsWith("There is 1 image to train on; contrastive learning needs 2 or more",
        Assert.Throws<WclUsageException>(() => Presets.Resolve(new PretrainOptions { Batch = batch }, new DataFacts(1, 32, Embedded: false))).Message);

    public static TheoryData<PretrainOptions, string> UnusedOptions => new()
    {
        { new() { LocalSize = 24 }, "--local-size changes nothing: there are no local crops" },
        { new() { LocalScaleMin = 0.2 }, "--local-scale-min changes nothing: there are no local crops" },
        { new() { LocalScaleMax = 0.3 }, "--local-scale-max changes nothing: there are no local crops" },
        { new() { Method = ContrastiveMethod.InstDisc, Temperature = 0.2 }, "--temperature changes nothing: --method instdisc has its own" },
        { new() { Method = ContrastiveMethod.InstDisc, InstDiscLoss = BankLoss.Softmax, InstDiscNegatives = 100 }, "--instdisc-negatives changes nothing: --instdisc-loss softmax" },
        { new() { Method = ContrastiveMethod.SimClr, MultiCrop = MultiCrop.Standard, LocalWeakWeight = 0.5 }, "--local-weak-weight changes nothing: simclr has no weak loss" },
        { new() { Method = ContrastiveMethod.SupCon, Beta = 0.5 }, "--beta changes nothing: supcon has no weak loss." },
        { new() { Method = ContrastiveMethod.SimClr, WeakKeys = WeakKeys.Full }, "--weak-keys changes nothing: simclr has no weak loss." },
        { new() { Init = "run", ConvInit = ConvInit.Torchvision }, "--conv-init changes nothing: the encoder starts from" },
    };

    [Theory]
    [MemberData(nameof(UnusedOptions))]
    public void Resolve_OptionThatIsNotUsed_BringsAWarning(PretrainOptions options, string warning) =>
        Assert.StartsWith(warning, Assert.Single(Presets.Resolve(options, Many).Warnings), StringComparison.Ordinal);

    [Theory]
    [InlineData(MultiCrop.None, ContrastiveMethod.Wcl), InlineData(MultiCrop.Standard, ContrastiveMethod.SimClr), InlineData(MultiCrop.Knn, ContrastiveMethod.Wcl), InlineData(MultiCrop.None, ContrastiveMethod.InstDisc), InlineData(MultiCrop.None, ContrastiveMethod.SimClr)]
    public void Resolve_WhatWasResolvedBefore_BringsNoWarning(MultiCrop crops, ContrastiveMethod method)
    {
        var options = Presets.Resolve(new PretrainOptions { MultiCrop = crops, Method = method, Init = "run" }, Many).Options; // as a run that goes on is given
        Assert.Empty(Presets.Resolve(options, Many).Warnings);
    }

    [Fact]
    public void Resolve_ShortRun_ShortensThePresetsWarmup() =>
        Assert.Equal(2, Presets.Resolve(new PretrainOptions { Preset = "cifar", Epochs = 10 }, Many).Options.WarmupEpochs);

    [Fact]
    public void Resolve_GivenWarmupAsLongAsTheRun_IsRefused()
    {
        var error = Assert.Throws<WclUsageException>(() => Presets.Resolve(new PretrainOptions { Epochs = 3, WarmupEpochs = 3 }, Many));

        Assert.Contains("--warmup-epochs 3 is not shorter than --epochs 3", error.Message);
    }

    [Theory]
    [InlineData(ContrastiveMethod.AdpClr, "adpclr-k", "1")]
    [InlineData(ContrastiveMethod.AdpClr, "adpclr-start", "0.5")]
    [InlineData(ContrastiveMethod.FnCancel, "fn-support", "8")]
    [InlineData(ContrastiveMethod.FnCancel, "fn-k", "10")]
    [InlineData(ContrastiveMethod.FnCancel, "fn-threshold", null)]
    [InlineData(ContrastiveMethod.FnCancel, "fn-mode", "attraction")]
    [InlineData(ContrastiveMethod.InstDisc, "instdisc-negatives", "4096")]
    [InlineData(ContrastiveMethod.InstDisc, "instdisc-momentum", "0.5")]
    [InlineData(ContrastiveMethod.InstDisc, "instdisc-temperature", "0.07")]
    [InlineData(ContrastiveMethod.Wcl, "fn-k", null)]
    public void Resolve_Method_TakesItsOwnDefaults(ContrastiveMethod method, string name, string? value)
    {
        var (options, warnings) = Presets.Resolve(new PretrainOptions { Method = method }, Many);

        Assert.Equal(value, PretrainOptionTable.Find(name)!.Show(options));
        Assert.Empty(warnings);
    }

    [Fact]
    public void Resolve_ThresholdAlone_LimitsNoNumber() =>
        Assert.Null(Presets.Resolve(new PretrainOptions { Method = ContrastiveMethod.FnCancel, FnThreshold = 0.7 }, Many).Options.FnK);

    [Fact]
    public void Resolve_OptionOfAnotherMethod_WarnsAndChangesNothing()
    {
        var (_, warnings) = Presets.Resolve(new PretrainOptions { Method = ContrastiveMethod.WclOneHead, AdpClrK = 3 }, Many);

        Assert.Equal("--adpclr-k changes nothing: it belongs to --method adpclr, and the method is wcl-one-head.", Assert.Single(warnings));
    }

    [Fact]
    public void Resolve_MoreNeighboursThanTheBatchHas_IsRefused_AndTheDefaultShrinks()
    {
        var options = new PretrainOptions { Method = ContrastiveMethod.FnCancel, Batch = 4 };

        Assert.Equal(6, Presets.Resolve(options, Many).Options.FnK);
        var error = Assert.Throws<WclUsageException>(() => Presets.Resolve(options with { FnK = 7 }, Many));
        Assert.Contains("--fn-k 7 is more than the 6 rows of other images in a batch of 4; use 6 or fewer", error.Message);
    }

    [Theory]
    [InlineData("imagenet", 96, 0.05, 0.2, 0.2)]
    [InlineData("cifar", 16, 0.1, 0.4, 0.2)]
    public void Resolve_MultiCrop_TakesTheLocalCropsOfTheImageSize(string preset, int size, double scaleMin, double scaleMax, double cropMin)
    {
        var options = Presets.Resolve(new PretrainOptions { Preset = preset, MultiCrop = MultiCrop.Knn }, Many).Options;

        Assert.Equal((size, scaleMin, scaleMax), (options.LocalSize, options.LocalScaleMin, options.LocalScaleMax));
        Assert.Equal((4, 4, 1.0, 1.0), (options.LocalCrops, options.BankK, options.LocalInstanceWeight, options.LocalWeakWeight));
        Assert.Equal(cropMin, options.CropMin);
    }

    [Fact]
    public void Resolve_OneEndOfTheLocalScale_TakesTheOtherWithIt()
    {
        var options = Presets.Resolve(new PretrainOptions { LocalScaleMin = 0.5 }, Many).Options;
        Assert.Equal((0.5, 0.5), (options.LocalScaleMin, options.LocalScaleMax));
        options = Presets.Resolve(new PretrainOptions { LocalScaleMax = 0.05 }, Many).Options;
        Assert.Equal((0.05, 0.05), (options.LocalScaleMin, options.LocalScaleMax));
    }

    [Fact]
    public void Resolve_MultiCropThatDoesNotFit_IsRefused()
    {
        var knn = new PretrainOptions { MultiCrop = MultiCrop.Knn, Batch = 4 };
        Refused(knn with { LocalScaleMin = 0.5, LocalScaleMax = 0.2 }, "--local-scale-min 0.5 is above --local-scale-max 0.2");
        Refused(knn with { LocalSize = 40 }, "--local-size 40 is larger than the global crops of 32 pixels; use 16");
        Refused(knn with { Method = ContrastiveMethod.SimClr }, "--multi-crop knn needs weak labels");
        Refused(knn with { BankK = 50_000 }, "--bank-k 50000 asks for more neighbours than 50000 images have; use 42949 or fewer");
        Refused(knn with { BankK = 42_950 }, "--bank-k 42950 asks for 2147500000 neighbours of 50000 images, and no more than 2147483591 can be held; use 42949 or fewer");
        Refused(knn with { BankK = 0 }, "--bank-k is 0; it must be 1 or more");
        Refused(knn with { OwnCrops = 5 }, "--own-crops 5 is more than there are local crops; use 0 to 4");
        Refused(knn with { LocalCrops = 0 }, "--local-crops is 0; it must be from 1 to 64");
        Refused(knn with { LocalWeakWeight = -1 }, "--local-weak-weight is -1; it must be zero or more");

        static void Refused(PretrainOptions options, string message) =>
            Assert.Contains(message, Assert.Throws<WclUsageException>(() => Presets.Resolve(options, Many)).Message);
    }

    [Fact]
    public void Resolve_AsManyNeighboursAsCanBeHeld_AreTaken_AndWhereNoImageIsReadAny()
    {
        var most = new PretrainOptions { MultiCrop = MultiCrop.Knn, BankK = 42_949 };
        Assert.Equal(42_949, Presets.Resolve(most, Many).Options.BankK);
        Assert.Equal(99, Presets.Resolve(most with { BankK = 99 }, Many with { Images = 100 }).Options.BankK); // all others
        Presets.RequireWithoutData(most with { BankK = 42_950 });
        Assert.Equal(42_950, Presets.Resolve(most with { BankK = 42_950, OwnCrops = 4 }, Many).Options.BankK); // of no use, which a warning says
    }

    [Theory]
    [InlineData(MultiCrop.None, 0, "--bank-k changes nothing: there are no local crops without --multi-crop", "--local-weak-weight changes nothing: there are no")]
    [InlineData(MultiCrop.Standard, 2, "--bank-k changes nothing: it belongs to --multi-crop knn", "--own-crops changes nothing: it belongs to")]
    [InlineData(MultiCrop.Knn, 4, "--bank-k changes nothing: all local crops are of the image itself", null)]
    [InlineData(MultiCrop.Knn, 3, null, null)]
    [InlineData(MultiCrop.Knn, 0, null, null)]
    public void Resolve_OptionsOfLocalCropsThatAreNotUsed_BringAWarning(MultiCrop multiCrop, int own, string? first, string? second)
    {
        var warnings = Presets.Resolve(new PretrainOptions { MultiCrop = multiCrop, BankK = 7, LocalWeakWeight = 0.5, OwnCrops = own, LocalSize = 16 }, Many).Warnings;
        Assert.Equal(new[] { first, second }.Count(text => text is not null), warnings.Count);
        foreach (string text in new[] { first, second }.OfType<string>()) Assert.Contains(warnings, warning => warning.StartsWith(text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.Standard, 0, 0.5, true), InlineData(ContrastiveMethod.WclOneHead, MultiCrop.Knn, 0, 0.5, true)]
    [InlineData(ContrastiveMethod.Wcl, MultiCrop.Standard, 0.1, 0.5, false), InlineData(ContrastiveMethod.Wcl, MultiCrop.Standard, 0, 0, false), InlineData(ContrastiveMethod.Wcl, MultiCrop.None, 0, 1, false)]
    public void Resolve_BetaZeroBesideTheWeakLossOfLocalCrops_IsWarnedOf(ContrastiveMethod method, MultiCrop crops, double beta, double local, bool warns)
    {
        var warnings = Presets.Resolve(new PretrainOptions { Method = method, MultiCrop = crops, Beta = beta, LocalWeakWeight = local }, Many).Warnings;
        if (warns) Assert.Equal("--beta 0 does not reach the weak loss of local crops, so the run trains on weak labels all the same; --local-weak-weight 0 (it is 0.5) switches that off too.", Assert.Single(warnings));
        else Assert.Empty(warnings);
    }

    [Theory]
    [InlineData(50_000, null, 200)]
    [InlineData(50_000, 300, 20)]
    public void Resolve_KnnK_GoesByTheImagesThatVote(int images, int? labelled, int expected) =>
        Assert.Equal(expected, Presets.Resolve(new PretrainOptions(), new DataFacts(images, 32, Embedded: false, labelled)).Options.KnnK);

    [Theory]
    [InlineData(301, "--knn-k 301 is more than the 300 training images that have a class: all of them vote.")]
    [InlineData(300, null)]
    public void Resolve_MoreNeighboursThanVoters_BringsAWarning(int k, string? warning) =>
        Assert.Equal(warning, Presets.Resolve(new PretrainOptions { KnnK = k }, Many with { Labelled = 300 }).Warnings.SingleOrDefault());

    [Fact]
    public void Resolve_FewerVotersThanTheDefault_BringsNoWarning_NorWhenTheRunGoesOn()
    {
        var few = Many with { Labelled = 7 };
        var (options, warnings) = Presets.Resolve(new PretrainOptions(), few);
        Assert.Empty(warnings);
        Assert.Empty(Presets.Resolve(options, few).Warnings);
    }

    [Theory]
    [InlineData("wcl-bank's graph", ContrastiveMethod.WclBank, 3, 3, MultiCrop.None)]
    [InlineData("wcl-bank's graph", ContrastiveMethod.WclBank, 1, null, MultiCrop.None)] // by default it begins after the first
    [InlineData(null, ContrastiveMethod.WclBank, 4, 3, MultiCrop.None)]
    [InlineData("from the second epoch on", ContrastiveMethod.Wcl, 1, null, MultiCrop.Knn)]
    [InlineData(null, ContrastiveMethod.Wcl, 2, null, MultiCrop.Knn)]
    public void Resolve_WhatBeginsAfterTheLastEpoch_IsToldOf(string? warning, ContrastiveMethod method, int epochs, int? start, MultiCrop crops)
    {
        var warnings = Presets.Resolve(new PretrainOptions { Method = method, Epochs = epochs, BankStart = start, MultiCrop = crops }, Many).Warnings;
        if (warning is null) Assert.Empty(warnings);
        else Assert.Contains(warning, Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ContrastiveMethod.Wcl, 50, 0, "--beta-ramp 50 has 2 after the warm-up")]
    [InlineData(ContrastiveMethod.WclBank, 3, 1, "--beta-ramp 3 has 1 after the warm-up")]
    [InlineData(ContrastiveMethod.Wcl, 2, 0, null)]
    [InlineData(ContrastiveMethod.SimClr, 50, 0, "--beta-ramp changes nothing: simclr has no weak loss.")] // that and no more
    public void Resolve_ABetaRampLongerThanTheRun_IsToldOf(ContrastiveMethod method, double ramp, double warmup, string? warning)
    {
        var warnings = Presets.Resolve(new PretrainOptions { Method = method, Epochs = 2, BankStart = method == ContrastiveMethod.WclBank ? 1 : null, WarmupEpochs = warmup, BetaRamp = ramp }, Many).Warnings;
        if (warning is null) Assert.Empty(warnings);
        else Assert.Contains(warning, Assert.Single(warnings), StringComparison.Ordinal);
    }
}
