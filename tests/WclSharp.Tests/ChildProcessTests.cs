using System.Globalization;
using WclSharp.Tests.Data;

namespace WclSharp.Tests;

public sealed class ChildProcessTests
{
    [Fact]
    public void Dispose_OfAProgramThatStillRuns_EndsItAndWhatItHasStarted()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "looks into /proc");
        using var folder = new DataFolder();
        string started = folder["started"];
        int shell;
        using (var process = ChildProcess.Start("bash", ["-c", "sleep 300 & echo $! > \"$0.new\" && mv \"$0.new\" \"$0\"; wait", started]))
        {
            shell = process.Id;
            process.Await(() => File.Exists(started));
        }
        Assert.True(HasEnded(shell));
        int child = int.Parse(File.ReadAllText(started), CultureInfo.InvariantCulture);
        Assert.True(SpinWait.SpinUntil(() => HasEnded(child), TimeSpan.FromSeconds(10)));

        // One that nobody has waited for is still there by name, as Z.
        static bool HasEnded(int process)
        {
            try
            {
                string state = File.ReadAllText($"/proc/{process}/stat");
                return state[(state.LastIndexOf(')') + 1)..].StartsWith(" Z", StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return true;
            }
        }
    }
}
