using System.Diagnostics;
using System.Globalization;

namespace WclSharp.Tests;

/// <summary>A program that a test starts and perhaps stops. What it says is read as it comes, so that it never waits for a reader.</summary>
internal sealed class ChildProcess : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);
    private readonly Process process;
    private readonly Task<string> output, error;

    private ChildProcess(Process process)
    {
        this.process = process;
        (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
    }

    /// <summary>Starts a program, with further variables where these are given.</summary>
    public static ChildProcess Start(string program, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new(Process.Start(start)!);
    }

    /// <summary>Waits until something has happened, or the program has ended.</summary>
    public void Await(Func<bool> happened) =>
        Assert.True(SpinWait.SpinUntil(() => happened() || process.HasExited, Longest), "The program did not come as far as it should.");

    /// <summary>Sends a signal, such as TERM.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-" + name, process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Ends the program at once: no warning, no clean-up.</summary>
    public void Kill() => process.Kill();

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit code and what was said.</returns>
    public (int Code, string Output, string Error) End()
    {
        if (!process.WaitForExit(Longest))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"The program had not ended after {Longest.TotalMinutes} minutes.");
        }

        return (process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>Waits for the end, which has to be with an exit code.</summary>
    /// <returns>What was said.</returns>
    public string End(int expectedCode)
    {
        var (code, said, complained) = End();
        Assert.True(code == expectedCode, $"exit code {code}, not {expectedCode}: {said}{complained}");
        return said + complained;
    }

    public void Dispose() => process.Dispose();
}
