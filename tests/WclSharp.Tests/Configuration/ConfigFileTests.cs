using System.Text;
using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Tests.Configuration;

public sealed class ConfigFileTests
{
    /// <summary>Every property set to something that is not its default.</summary>
    internal static readonly PretrainOptions Everything = new()
    {
        Data = "/images/ä \"quoted\"",
        Test = "/test.tar",
        Labels = "/labels.csv",
        Limit = 1000,
        Method = ContrastiveMethod.SimClr,
        Preset = "cifar",
        Arch = EncoderArch.ResNet101,
        Width = 48,
        Stem = EncoderStem.ImageNet,
        ImageSize = 96,
        Epochs = 7,
        Batch = 128,
        Accumulate = 8,
        Optimizer = OptimizerKind.Lars,
        LearningRate = 0.1 + 0.2, // 17 digits
        WeightDecay = 1e-6,
        Temperature = 0.07,
        Beta = 0.5,
        BetaRamp = 2.5,
        WeakKeys = WeakKeys.Full,
        MultiCrop = MultiCrop.Standard,
        LocalCrops = 6,
        LocalSize = 40,
        LocalScaleMin = 0.07,
        LocalScaleMax = 0.3,
        BankK = 8,
        CropNeighbors = CropNeighbors.Encoder,
        OwnCrops = 2,
        LocalInstanceWeight = 0.5,
        LocalWeakWeight = 0.25,
        BankPairs = BankPairs.Mutual,
        BankNegatives = BankNegatives.All,
        BankStart = 4,
        AdpClrK = 3,
        AdpClrStart = 0.25,
        FnSupport = 4,
        FnScore = SupportScore.Mean,
        FnMode = FalseNegativeMode.Elimination,
        FnK = 5,
        FnThreshold = -0.5,
        InstDiscLoss = BankLoss.Softmax,
        InstDiscNegatives = 99,
        InstDiscMomentum = 0.75,
        InstDiscTemperature = 0.2,
        Augmentation = AugmentationSchedule.Paper,
        Crops = CropPlacement.Pixel,
        CropMin = 0.4,
        Jitter = 0.75,
        Flip = 0.1,
        VerticalFlip = 0.2,
        Rotation = 0.35,
        Grayscale = 0.3,
        Blur = 0.6,
        ConvInit = ConvInit.PyTorch,
        WarmupEpochs = 1.5,
        HeadHidden = 256,
        HeadOutput = 64,
        EvaluateEvery = 2,
        KnnK = 11,
        Seed = long.MaxValue,
        Init = "/weights.safetensors",
        Device = "cuda:1",
        Precision = ComputePrecision.Bf16,
        Workers = 3,
        MaxBad = 0.25,
        CacheMiB = 17,
        CacheFolder = "/cache",
    };

    [Fact]
    public void ToJson_ThenParse_GivesEqualOptions()
    {
        string json = Encoding.UTF8.GetString(ConfigFile.ToJson(Everything));

        Assert.Equal(Everything, ConfigFile.Parse(json, new PretrainOptions(), "config.json"));
    }

    [Fact]
    public void ToJson_Everything_NamesEveryOptionInSnakeCase()
    {
        string json = Encoding.UTF8.GetString(ConfigFile.ToJson(Everything));

        Assert.All(PretrainOptionTable.All.Where(option => !option.NamesRun), option => Assert.Contains($"\"{option.Key}\":", json));
        Assert.DoesNotContain("-decay", json);
        Assert.DoesNotContain("resume", json); // names a run, not how it is made
    }

    [Fact]
    public void Parse_OfBeforeThereWereVerticalFlipsAndRotations_HasNone()
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(ConfigFile.ToJson(Everything))!.AsObject();
        Assert.True(json.Remove("vertical_flip") && json.Remove("rotation"));

        Assert.Equal(Everything with { VerticalFlip = 0, Rotation = 0 }, ConfigFile.Parse(json.ToJsonString(), new PretrainOptions(), "config.json"));
    }

    [Theory]
    [InlineData("""{ "weight-decay": 0.5, "batch": 64, }""")]
    [InlineData("""{ /* a comment */ "weight_decay": 0.5, "batch": 64 } // another""")]
    [InlineData("""{ "weight_decay": 0.5, "batch": 64, "epochs": null }""")]
    public void Parse_SpellingsThatAreAllowed_GiveTheSame(string json)
    {
        var options = ConfigFile.Parse(json, new PretrainOptions(), "c.json");

        Assert.Equal(new PretrainOptions { WeightDecay = 0.5, Batch = 64 }, options);
    }

    [Theory]
    [InlineData("""{ "weigth_decay": 0.5 }""", "\"weigth_decay\" in c.json is no option; did you mean \"weight_decay\"?")]
    [InlineData("""{ "epochs": "ten" }""", "\"epochs\" in c.json is \"ten\"; expected a whole number.")]
    [InlineData("""{ "epochs": 1.5 }""", "\"epochs\" in c.json is 1.5; expected a whole number.")]
    [InlineData("""{ "lr": true }""", "\"lr\" in c.json is true; expected a number.")]
    [InlineData("""{ "method": "moco" }""", "\"method\" in c.json is \"moco\"; expected wcl, wcl-one-head, wcl-no-swap, wcl-bank, simclr, supcon, adpclr, fncancel or instdisc.")]
    [InlineData("""{ "batch": 1 }""", "Batch size 1 gives no neighbours; use 2 or more.")]
    [InlineData("""{ "config": "other.json" }""", "\"config\" in c.json is no option")]
    [InlineData("""[1]""", "c.json holds no JSON object")]
    [InlineData("{ \"lr\": 1,\n \"lr\": 2 }", "c.json")]
    [InlineData("""{ "weight-decay": 0.5, "weight_decay": 0.1 }""", "\"weight-decay\" and \"weight_decay\" in c.json are one option; leave one out.")]
    [InlineData("""{ "data": "a\ud800b" }""", @"c.json has half a character (\ud800 to \udfff, of which two make one); write it whole.")]
    [InlineData("""{ "x": ["a\ud800"] }""", @"c.json has half a character (\ud800 to \udfff, of which two make one); write it whole.")]
    [InlineData("""{ "da\udc00ta": "a" }""", @"c.json has half a character (\ud800 to \udfff, of which two make one); write it whole.")]
    [InlineData("{ \"lr\": 1\n \"batch\": 2 }", "c.json, line 2 is not JSON")]
    public void Parse_WhatIsWrong_IsSaid(string json, string message)
    {
        var error = Assert.Throws<WclUsageException>(() => ConfigFile.Parse(json, new PretrainOptions(), "c.json"));

        Assert.Contains(message, error.Message);
    }

    [Theory]
    [InlineData("""{ "methods": "wcl\ud800" }""")]
    [InlineData("""{ "methods": ["\ud800"] }""")]
    [InlineData("""{ "x": [{ "y": "\udfff" }] }""")]
    [InlineData("""{ "data": "a\ud800b" }""")]
    [InlineData("""{ "da\udc00ta": "a" }""")]
    public void Parse_HalfACharacter_InAComparison_IsSaid(string json) =>
        Assert.StartsWith("c.json has half a character", Assert.Throws<WclUsageException>(() => WclSharp.Comparisons.ComparisonConfig.Parse(json, new() { Methods = [] }, "c.json")).Message, StringComparison.Ordinal);

    /// <summary>In the same words as of a run's file, where it is no JSON.</summary>
    [Theory]
    [InlineData("{ \"lr\": 1\n \"batch\": 2 }", "c.json, line 2 is not JSON: ")]
    [InlineData("{ \"lr\": 1,\n \"lr\": 2 }", "c.json is not JSON: Duplicate property 'lr' ")]
    [InlineData("", "c.json, line 1 is not JSON: ")]
    [InlineData("null", "c.json holds no JSON object; expected { \"methods\": \"wcl,simclr\", \"epochs\": 10, ... }.")]
    [InlineData("[1]", "c.json holds no JSON object; expected { \"methods\": \"wcl,simclr\", \"epochs\": 10, ... }.")]
    public void Parse_NoObjectForAComparison_IsSaid(string json, string message) =>
        Assert.StartsWith(message, Assert.Throws<WclUsageException>(() => WclSharp.Comparisons.ComparisonConfig.Parse(json, new() { Methods = [] }, "c.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_MissingFile_NamesIt()
    {
        var error = Assert.Throws<WclUsageException>(() => ConfigFile.Read("/no/such.json", new PretrainOptions()));

        Assert.Contains("/no/such.json", error.Message);
    }
}
