using System.Text.Json;
using WclSharp.Cli;
using WclSharp.Suggestions;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class SuggestCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("wcl-suggest-cli-").FullName;
    private readonly StringWriter output = new(), error = new();
    private SuggestOptions? asked;
    private string path = "a.png", run = "r", list = "list.csv";

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Run_Options_AreThoseOfTheCommandLine()
    {
        Assert.Equal(0, Run(null, "--count", "7", "--check", "9", "--data", "d", "--labels", "l.csv", "--test", "t", "--seed", "5", "--device", "cpu", "--out", "o"));
        Assert.Equal(new SuggestOptions { Run = "r", Count = 7, Check = 9, Data = "d", Labels = "l.csv", Test = "t", Seed = 5, Device = "cpu", Out = "o" }, asked);
        Assert.Equal(0, Run(null));
        Assert.Equal(new SuggestOptions { Run = "r" }, asked);
    }

    [Theory]
    [InlineData(3, 0.02)]
    [InlineData(1, null)]
    public void Run_Json_HasTheImagesAndTheCheck(int repeats, double? interval)
    {
        string json = Path.Combine(folder, "s.json");
        Assert.Equal(0, Run(Check(repeats, 0.5, interval, 0.4, interval / 2), "--json", json));
        using var document = JsonDocument.Parse(File.ReadAllBytes(json));
        var (image, check) = (Assert.Single(document.RootElement.GetProperty("images").EnumerateArray()), document.RootElement.GetProperty("check"));
        Assert.Equal(("a.png", 3), (image.GetProperty("path").GetString(), image.GetProperty("group_size").GetInt32()));
        double? Number(string name) => check.TryGetProperty(name, out var value) ? value.GetDouble() : null;
        Assert.Equal((10, repeats, 0.5, interval, 0.4, interval / 2),
            (Number("labels"), Number("repeats"), Number("suggested_mean"), Number("suggested_ci95"), Number("random_mean"), Number("random_ci95")));

        Assert.Equal(0, Run(null, "--json", json));
        using var without = JsonDocument.Parse(File.ReadAllBytes(json));
        Assert.Equal("images", Assert.Single(without.RootElement.EnumerateObject()).Name);
    }

    [Theory]
    [InlineData("--count is \"many\"; expected a whole number.", "--count", "many")]
    [InlineData("--check is \"1.5\"; expected a whole number.", "--check", "1.5")]
    [InlineData("did you mean --check?", "--chek", "1")]
    public void Run_BadUsage_IsOneLineAndExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, Run(null, arguments));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().TrimEnd().Split('\n'));
        Assert.Null(asked);
    }

    [Theory]
    [InlineData(1, null, "50.0% where suggested, 40.0% where random; one try, which moves by some points.")]
    [InlineData(3, 0.02, "50.0% ± 2.0 where suggested, 40.0% ± 2.0 where random; mean of 3, ± half-width of the 95 % confidence interval.")]
    public void Run_Check_SpeaksOfAnIntervalWhereThereIsOne(int repeats, double? interval, string line)
    {
        Assert.Equal(0, Run(Check(repeats, 0.5, interval, 0.4, interval)));
        Assert.Contains(line, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_CheckWithRareClasses_SpeaksOfTheBalancedAccuracy()
    {
        Assert.Equal(0, Run(Check(1, 0.95, null, 0.9, null) with { SuggestedBalancedAccuracy = 0.4, RandomBalancedAccuracy = 0.35 }));
        Assert.Contains("Balanced accuracy, in which a rare class counts as much as a frequent one: 40.0% where suggested, 35.0% where random.", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, Run(Check(1, 0.95, null, 0.9, null)));
        Assert.Single(output.ToString().Split("Balanced accuracy, in which")[1..]);
    }

    [Fact]
    public void Run_NameThatWouldChangeTheTerminal_IsPrintedWithoutThat()
    {
        path = "a\u001b]0;b\n.png";
        Assert.Equal(0, Run(null));
        Assert.Contains("1. a\uFFFD]0;b\uFFFD.png (one of 3 alike)", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_NextCommand_NamesAFolderOfItsOwn_WhereTheRunWasFineTuned()
    {
        (run, list) = (folder, Path.Combine(folder, "round2", "suggestions.csv"));
        Assert.Equal(0, Run(null));
        Assert.Matches("suggestions.csv\"? --test PATH\\)$", output.ToString().Split('\n').Single(line => line.StartsWith("List:", StringComparison.Ordinal)));
        Directory.CreateDirectory(Path.Combine(folder, "finetune"));
        Assert.Equal(0, Run(null));
        Assert.Contains($"--test PATH --out {Path.Combine(folder, "round2", "finetune")})", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AWarning_GoesToStandardError()
    {
        Run(null);
        Assert.Equal("warning: careful", error.ToString().TrimEnd());
        Assert.DoesNotContain("careful", output.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Of classes that are equally frequent.</summary>
    private static SuggestionCheck Check(int repeats, double suggested, double? suggestedCi95, double random, double? randomCi95) => new()
    {
        Labels = 10,
        Repeats = repeats,
        SuggestedMean = suggested,
        SuggestedCi95 = suggestedCi95,
        SuggestedBalancedAccuracy = suggested,
        RandomMean = random,
        RandomCi95 = randomCi95,
        RandomBalancedAccuracy = random,
    };

    private int Run(SuggestionCheck? check, params string[] arguments) => CommandLine.Run(["suggest", run, .. arguments], CommandActions.Library with
    {
        Suggest = (options, progress, stop) =>
        {
            asked = options;
            Assert.True(stop.CanBeCanceled);
            progress.Report(new RunProgress.Warning("careful"));
            return new SuggestResult { Images = [new() { Path = path, GroupSize = 3 }], ListFile = list, SheetFile = "sheet.png", Check = check };
        },
    }, output, error);
}
