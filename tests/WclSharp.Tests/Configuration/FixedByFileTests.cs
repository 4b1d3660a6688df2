using System.Text;
using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Tests.Configuration;

public sealed class FixedByFileTests
{
    private static readonly PretrainOptions Photos = new() { Data = "photos" };

    public static TheoryData<string?, PretrainOptions, string[]> OverTheFileOfARun => new()
    {
        { "--weak-keys detached", Photos, ["method", "wcl-bank"] },
        { "--stem small, --crops subpixel, --blur 0, --local-size 16, --local-scale-min 0.1, --local-scale-max 0.4", Photos, ["image-size", "128"] },
        { "--crops subpixel, --blur 0, --local-size 16, --local-scale-min 0.1, --local-scale-max 0.4", Photos with { Preset = "cifar" }, ["image-size", "128"] }, // whose stem is always small
        { "--warmup-epochs 1, --evaluate-every 1", Photos with { Epochs = 5 }, ["epochs", "200"] },
        { "--warmup-epochs 1, --evaluate-every 1", Photos with { Epochs = 5 }, ["epochs", "200", "beta", "0.5", "out", "new"] },
        { "--evaluate-every 1", Photos with { Epochs = 5 }, ["epochs", "200", "warmup-epochs", "8"] }, // which 5 epochs would not have room for
        { "--warmup-epochs 1, --bank-start 1, --evaluate-every 1", Photos with { Epochs = 3, WarmupEpochs = 1, Method = ContrastiveMethod.WclBank }, ["epochs", "200"] },
        { null, Photos with { Epochs = 100, Preset = "cifar" }, ["epochs", "200"] }, // both warm up for 10 and evaluate every 10
        { "--crop-min 0.2", Photos with { MultiCrop = MultiCrop.Standard, Preset = "cifar" }, ["multi-crop", "none"] },
        { null, Photos with { MultiCrop = MultiCrop.Standard }, ["multi-crop", "none"] }, // tiny has it without local crops too
        { "--lr 0.015", Photos, ["batch", "128"] },
        { "--lr 0.015, --weight-decay 0.0005", Photos, ["optimizer", "adamw"] },
        { "--fn-k 10", Photos with { Method = ContrastiveMethod.FnCancel }, ["fn-threshold", "0.5"] },
        { null, Photos with { Method = ContrastiveMethod.FnCancel }, ["method", "adpclr"] }, // fncancel's own options are told of as unused
        { null, Photos, ["data", "others"] },
        { null, Photos, ["seed", "3", "workers", "1"] },
        { null, Photos, [] },
    };

    [Theory]
    [MemberData(nameof(OverTheFileOfARun))]
    public void Warning_OverTheFileOfARun_NamesWhatWouldFollow(string? fixedOptions, PretrainOptions run, string[] commandLine)
    {
        var resolved = Presets.Resolve(run, new DataFacts(10_000, 32, Embedded: false)).Options;
        Assert.Equal(fixedOptions is null ? null : $"config.json fixes what would follow from the command line: {fixedOptions}. Take out of the file what is to follow, or give it.", Over(resolved, commandLine));
    }

    [Fact]
    public void Warning_OtherImagesOverTheFileOfTheFirstLook_NamesWhatIsThatOne()
    {
        var resolved = Presets.Resolve(new PretrainOptions(), new DataFacts(8000, 28, Embedded: true)).Options;
        Assert.Contains("--width 16, --image-size 24, --epochs 10, --augmentation paper, --jitter 1.5, --warmup-epochs 2, --local-size", Over(resolved, ["data", "photos"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Warning_AnotherPreset_NamesWhatFollowsFromItsOptionsToo()
    {
        var resolved = Presets.Resolve(Photos, new DataFacts(10_000, 32, Embedded: false)).Options;
        string? warning = Over(resolved, ["preset", "imagenet", "arch", "resnet18"]);
        foreach (string name in (string[])["width", "stem", "image-size", "batch", "epochs", "optimizer", "lr", "weight-decay", "warmup-epochs", "augmentation", "crop-min", "crops", "blur", "conv-init", "head-hidden", "evaluate-every", "local-size"])
            Assert.Contains($"--{name} ", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("--arch ", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("--head-output ", warning, StringComparison.Ordinal); // the same with both
    }

    [Theory]
    [InlineData("""{ "epochs": 50 }""", "data", "photos")] // somebody's own choice
    [InlineData("""{ "width": 16, "lr": 0.1 }""", "preset", "cifar")]
    public void Warning_OverAFileThatDoesNotNameTheOption_IsNone(string json, params string[] commandLine) => Assert.Null(Over(json, commandLine));

    private static string? Over(PretrainOptions run, string[] commandLine) => Over(Encoding.UTF8.GetString(ConfigFile.ToJson(run)), commandLine);

    private static string? Over(string json, string[] commandLine)
    {
        var given = commandLine.Chunk(2).Select(pair => (Option: PretrainOptionTable.Find(pair[0])!, Value: pair[1])).ToArray();
        var asked = given.Aggregate(ConfigFile.Parse(json, new PretrainOptions(), "config.json"), (options, pair) => pair.Option.Parse(options, pair.Value));
        return FixedByFile.Warning(json, "config.json", [.. given.Select(pair => pair.Option)], asked);
    }
}
