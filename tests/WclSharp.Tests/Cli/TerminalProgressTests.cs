using WclSharp.Cli;
using WclSharp.Cli.Terminal;
using WclSharp.Evaluation;

namespace WclSharp.Tests.Cli;

public sealed class TerminalProgressTests
{
    /// <summary>What .NET makes of a standard output or error that is closed.</summary>
    private sealed class Closed : StringWriter
    {
        public override void Write(char value) => throw new UnauthorizedAccessException("Access to the path is denied.");

        public override void Write(string? value) => Write(' ');

        public override void WriteLine(string? value) => Write(' ');
    }

    [Fact]
    public void ClosedStreams_HoldNoProgressUp_AndResultsSayWhatIsWrong()
    {
        using var closed = new Closed();
        using var lasting = new UnfailingWriter(closed);
        lasting.WriteLine("progress");
        lasting.Write('.');
        using var results = new ResultWriter(closed);
        Assert.Null(results.Problem);
        results.WriteLine("result");
        Assert.StartsWith("Standard output cannot be written to (Access to the path is denied)", results.Problem, StringComparison.Ordinal);
        Assert.False(results.IsStandardOutput);
        using var progress = new UnfailingWriter(results);
        progress.WriteLine("progress");
    }

    /// <summary>A name of a file or a class may hold what clears a terminal or renames its window.</summary>
    [Fact]
    public void ControlCharacters_AreReplaced_ButWhereProgressMovesTheCursor()
    {
        const string Name = "a\e[2Jb\tc\n";
        using StringWriter written = new(), moved = new();
        using var results = new ResultWriter(written);
        results.Write(Name);
        results.WriteLine(Name);
        using var warnings = new UnfailingWriter(written);
        warnings.Write(Name);
        warnings.WriteLine(Name);
        Assert.DoesNotContain('\e', written.ToString());
        Assert.Equal(4, written.ToString().Split("a\uFFFD[2Jb\tc\n").Length - 1);
        using var live = new UnfailingWriter(moved, escapes: true);
        live.Write(Name);
        Assert.Equal(Name, moved.ToString());
    }

    [Fact]
    public void Run_WithAClosedOutput_WritesItsJson_AndFails()
    {
        string json = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using var closed = new Closed();
        using var error = new StringWriter();
        try
        {
            var measured = new RunEvaluationResult { Knn = 0.5, KnnK = 20, TrainImages = 100, TestImages = 10, Epoch = 1, Seconds = 2 };
            Assert.Equal(1, CommandLine.Run(["evaluate", "r", "--json", json], new CommandActions((_, _, _) => throw new NotSupportedException(), (_, _, _) => measured), closed, error));
            Assert.Contains("\"knn\": 0.5", File.ReadAllText(json), StringComparison.Ordinal);
            Assert.StartsWith("Standard output cannot be written to", Assert.Single(error.ToString().TrimEnd().Split('\n')), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(json);
        }
    }

    [Theory]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(false, false, false)]
    [InlineData(false, false, true, "NO_COLOR", "1")]
    [InlineData(false, false, true, "CI", "true")]
    [InlineData(false, false, true, "TERM", "dumb")]
    [InlineData(true, false, true, "NO_COLOR", "")]
    [InlineData(true, false, true, "CI", "")]
    [InlineData(true, false, true, "TERM", "xterm-256color")]
    public void IsLive_OnATerminalThatAPersonWatches_UnlessAVariableSaysOtherwise(bool live, bool redirected, bool ansi, string? set = null, string? value = null) =>
        Assert.Equal(live, TerminalProgress.IsLive(redirected, ansi, variable => variable == set ? value : null));
}
