using System.Text.RegularExpressions;
using Spectre.Console;
using WclSharp.Cli.Terminal;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

/// <summary>What a terminal shows. Brackets are Spectre.Console's own signs, and also in paths and names.</summary>
public sealed class LiveProgressTests
{
    private static readonly RunProgress.Step ThirdStep = new()
    {
        Epoch = 1,
        Epochs = 2,
        StepInRun = 3,
        StepsInRun = 10,
        InstanceLoss = 5.5,
        WeakLoss = 4.25,
        ImagesPerSecond = 812.3,
        DataWait = 0.03,
        Remaining = new(1, 2, 5),
    };

    private static readonly EpochMetrics Untrained = new() { Epoch = 0, Knn = 0.699 }, First = new() { Epoch = 1, Knn = 0.75, InstanceLoss = 5, Seconds = 61 };

    [Fact]
    public void Report_FactsWarningsAndEpochs_StandAsTheyAre_TheTableUnderOneHeader()
    {
        string shown = Shown(
            new RunProgress.Started(new PretrainOptions(), ["10 images of [cats]", "[red]"]),
            new RunProgress.Warning("no label in [a.csv]"),
            new RunProgress.EpochDone(Untrained, 2),
            new RunProgress.EpochDone(First, 2));
        string[] lines = [.. shown.Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0)];
        Assert.Equal(
            ["10 images of [cats]", "[red]", "warning: no label in [a.csv]", "kNN accuracy before training: 69.9%", EpochTable.Header.TrimEnd(), EpochTable.Line(Untrained).TrimEnd(), EpochTable.Line(First).TrimEnd()],
            lines);
    }

    [Fact]
    public void Report_AStage_HasABarWithItsShare_WhichIsGoneWhenItIsDone()
    {
        var part = new RunProgress.Working("Reading [photos]", 3, 10);
        Assert.Matches(@" 30% Reading \[photos\] 3 of 10", Shown(part));
        Assert.Contains("Listing [photos] 12,345", Shown(new RunProgress.Working("Listing [photos]", 12_345, null)), StringComparison.Ordinal);
        Assert.DoesNotContain("10 of 10", Shown(part, part with { Done = 10 }), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_AStep_HasTheBarOfItsEpoch_WithLossesSpeedAndTimeLeft()
    {
        string shown = Shown(new RunProgress.Working("Reading", 3, 10), ThirdStep);
        Assert.Contains(" 60% epoch 1/2 step 3/5  loss 5.500 + 4.250  812 images/s  wait 3%  1:02:05 left", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("60%", Shown(ThirdStep, new RunProgress.EpochDone(First, 2)).Split(EpochTable.Line(First).TrimEnd())[1], StringComparison.Ordinal); // the bar went with its epoch
    }

    /// <summary>On a GPU losses are read back now and then.</summary>
    [Fact]
    public void Report_AStepWithoutLosses_HasThoseOfTheLastThatHadAny()
    {
        var without = ThirdStep with { StepInRun = 4, InstanceLoss = null, WeakLoss = null };
        Assert.Contains(" 80% epoch 1/2 step 4/5  812 images/s  wait 3%", Shown(without), StringComparison.Ordinal);
        Assert.Contains(" 80% epoch 1/2 step 4/5  loss 5.500 + 0.000  812 images/s  wait 3%", Shown(ThirdStep with { WeakLoss = -1e-7 }, without), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80, " 60% epoch 1/2  loss 5.500 + 4.250  1:02:05 left")]
    [InlineData(96, " 60% epoch 1/2 step 3/5  loss 5.500 + 4.250  812 images/s  1:02:05 left")]
    [InlineData(50, " 60% epoch 1/2  1:02:05 left")]
    public void Report_AStepOnANarrowTerminal_LeavesOutWhatMattersLeast(int width, string text) =>
        Assert.Contains(text, Shown(width, ThirdStep), StringComparison.Ordinal);

    /// <summary>The second half of a long line would come to lie on the bar's, whose end would stay beside it.</summary>
    [Fact]
    public void Report_ALongLineWhileABarIsShown_LeavesNoPartOfTheBar()
    {
        const int Width = 80;
        var written = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, Out = new AnsiConsoleOutput(written) });
        (console.Profile.Width, console.Profile.Height) = (Width, 24);
        var step = ThirdStep;
        string text = string.Join(' ', Enumerable.Repeat("word", 17));
        LiveProgress.Run(console, progress =>
        {
            progress.Report(step);
            Thread.Sleep(300); // until it is drawn
            progress.Report(new RunProgress.Warning(text));
            progress.Report(step with { StepInRun = 4 });
            Thread.Sleep(300);
            Assert.True(LiveProgress.TrySay(text)); // as of a signal
            return 0;
        });
        Assert.False(LiveProgress.TrySay("nothing is shown"));
        Assert.Contains("60%", written.ToString(), StringComparison.Ordinal);
        string[] screen = Screen(written.ToString());
        Assert.Equal($"warning: {text} {text}", string.Join(' ', screen.Where(line => line.Length > 0)));
    }

    /// <summary>The lines that a terminal shows after what was written to it: of the codes, those that Spectre moves and erases by.</summary>
    private static string[] Screen(string written)
    {
        var lines = new List<char[]>();
        int row = 0, column = 0;
        char[] Line()
        {
            while (lines.Count <= row) lines.Add([.. Enumerable.Repeat(' ', 300)]);
            return lines[row];
        }
        foreach (Match part in Regex.Matches(written, @"\x1b\[(?<count>[0-9;?]*)(?<code>[A-Za-z])|(?<letter>[\s\S])"))
        {
            int count = int.TryParse(part.Groups["count"].Value, out int number) ? number : 1;
            switch (part.Groups["code"].Value, part.Groups["letter"].Value)
            {
                case ("A", _): row -= count; break;
                case ("K", _): Array.Fill(Line(), ' '); break;
                case ("", "\r"): column = 0; break;
                case ("", "\n"): (row, column) = (row + 1, 0); break;
                case ("", var letter): Line()[column++] = letter[0]; break;
            }
        }
        return [.. lines.Select(line => new string(line).TrimEnd())];
    }

    /// <summary>What was written, without escape codes. A bar that is left at the end was drawn then.</summary>
    private static string Shown(params RunProgress[] reports) => Shown(200, reports);

    private static string Shown(int width, params RunProgress[] reports)
    {
        var written = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, Out = new AnsiConsoleOutput(written) });
        (console.Profile.Width, console.Profile.Height) = (width, 24); // some terminals, such as dumb ones, have no height
        Assert.Equal(7, LiveProgress.Run(console, progress =>
        {
            foreach (var report in reports) progress.Report(report);
            return 7;
        }));
        return Regex.Replace(written.ToString().ReplaceLineEndings("\n").Replace('\r', '\n'), @"\x1b\[[0-9;?]*[A-Za-z]", "");
    }
}
