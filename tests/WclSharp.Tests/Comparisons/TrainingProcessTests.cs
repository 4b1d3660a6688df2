using WclSharp.Comparisons;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Comparisons;

/// <summary>How a run's process ends, and what is made of that; a shell stands in for <c>wcl</c>.</summary>
public sealed class TrainingProcessTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("echo 'warning: odd' >&2; echo 'There is nothing at /data.' >&2; exit 2", typeof(WclUsageException), "There is nothing at /data.")]
    [InlineData("exit 2", typeof(WclUsageException), "It says nothing.")]
    [InlineData("echo 'The disk is full.' >&2; exit 1", typeof(WclException), "The run RUN ended with exit code 1: The disk is full.")]
    [InlineData("kill -9 $$", typeof(WclException), "The run RUN was killed (signal 9), as where memory runs out.")]
    public void Run_ThatFails_IsAnErrorOfItsKind(string script, Type kind, string message)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a shell");
        Assert.StartsWith(message.Replace("RUN", folder["run"], StringComparison.Ordinal), Assert.Throws(kind, () => Run(script)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ThatHasDiverged_SaysSo()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a shell");
        folder.Write("run/summary.json", """{ "status": "diverged", "method": "wcl", "seed": 0 }""");
        Assert.Equal("The loss is NaN.", Assert.Throws<DivergedException>(() => Run("echo 'The loss is NaN.' >&2; exit 1")).Message);
    }

    [Fact]
    public void Run_ThatEndsWell_TellsItsLinesAndWarnings()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a shell");
        Assert.Equal(["epoch", "warning: odd"], Run("echo epoch; echo 'warning: odd' >&2; echo unheard >&2").Order(StringComparer.Ordinal));
    }

    private List<string> Run(string script)
    {
        List<string> lines = [];
        TrainingProcess.Run(["sh", "-c", script], new PretrainOptions { Out = folder["run"] }, lines.Add, CancellationToken.None);
        return lines;
    }
}
