using WclSharp.Cli;
using WclSharp.Suggestions;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class SuggestCommandTests
{
    private readonly StringWriter output = new(), error = new();

    [Theory]
    [InlineData(1, null, "50.0% where suggested, 40.0% where random; one try, which moves by some points.")]
    [InlineData(3, 0.02, "50.0% ± 2.0 where suggested, 40.0% ± 2.0 where random; mean of 3, ± half of the 95 % interval.")]
    public void Run_Check_SpeaksOfAnIntervalWhereThereIsOne(int repeats, double? interval, string line)
    {
        Assert.Equal(0, Run(new SuggestionCheck(10, repeats, 0.5, interval, 0.4, interval)));
        Assert.Contains(line, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AWarning_GoesToStandardError()
    {
        Run(null);
        Assert.Equal("warning: careful", error.ToString().TrimEnd());
        Assert.DoesNotContain("careful", output.ToString(), StringComparison.Ordinal);
    }

    private int Run(SuggestionCheck? check) => CommandLine.Run(["suggest", "r"], CommandActions.Library with
    {
        Suggest = (_, progress, _) =>
        {
            progress.Report(new RunProgress.Warning("careful"));
            return new SuggestResult([new SuggestedImage("a.png", 3)], "list.csv", "sheet.png", check);
        },
    }, output, error);
}
