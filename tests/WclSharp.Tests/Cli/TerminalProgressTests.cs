using WclSharp.Cli.Terminal;

namespace WclSharp.Tests.Cli;

public sealed class TerminalProgressTests
{
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
