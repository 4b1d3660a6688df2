using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace WclSharp.Tests;

/// <summary>A program that a test starts and perhaps stops. What it says is read as it comes, so that it never waits for a reader. It does not outlive the test.</summary>
internal sealed partial class ChildProcess : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);
    private readonly Process process;
    private readonly StringBuilder said = new(), complained = new();
    private readonly Task reading;

    private ChildProcess(Process process)
    {
        this.process = process;
        reading = Task.WhenAll(Read(process.StandardOutput, said), Read(process.StandardError, complained));
    }

    /// <summary>The program's number.</summary>
    public int Id => process.Id;

    /// <summary>The <c>dotnet</c> that runs these tests, which need not be the one that is found by its name.</summary>
    public static string Dotnet { get; } = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";

    /// <summary>Starts a program, with further variables where these are given.</summary>
    public static ChildProcess Start(string program, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new(Process.Start(start)!);
    }

    /// <summary>Waits until something has happened, or the program has ended.</summary>
    public void Await(Func<bool> happened) =>
        Assert.True(SpinWait.SpinUntil(() => happened() || process.HasExited, Longest), "The program did not come as far as it should.");

    /// <summary>Waits until the program has complained of something, or has ended.</summary>
    public void AwaitComplaint(string part) => Await(() => Text(complained).Contains(part, StringComparison.Ordinal));

    /// <summary>Sends a signal: HUP, INT, KILL or TERM.</summary>
    public void Signal(string name)
    {
        int number = name switch { "HUP" => 1, "INT" => 2, "KILL" => 9, "TERM" => 15, _ => throw new ArgumentException(name, nameof(name)) };
        Assert.True(SendSignal(process.Id, number) == 0, $"The program had ended before {name}: {Text(said)}{Text(complained)}");
    }

    /// <summary>Ends what the program reads.</summary>
    public void EndInput() => process.StandardInput.Close();

    /// <summary>Ends the program at once: no warning, no clean-up.</summary>
    public void Kill() => process.Kill();

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit code and what was said.</returns>
    public (int Code, string Output, string Error) End()
    {
        if (!process.WaitForExit(Longest))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"The program had not ended after {Longest.TotalMinutes} minutes: {Text(said)}{Text(complained)}");
        }

        Assert.True(reading.Wait(Longest), "Something that the program has started holds what it writes to.");
        return (process.ExitCode, Text(said), Text(complained));
    }

    /// <summary>Waits for the end, which has to be with an exit code.</summary>
    /// <returns>What was said.</returns>
    public string End(int expectedCode)
    {
        var (code, output, error) = End();
        Assert.True(code == expectedCode, $"exit code {code}, not {expectedCode}: {output}{error}");
        return output + error;
    }

    /// <summary>Ends the program, and what it has started, where they still run, as after an assertion that failed: they would write on into a folder that is being deleted.</summary>
    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
        process.Dispose();
    }

    private static async Task Read(StreamReader from, StringBuilder into)
    {
        var part = new char[1024];
        while (await from.ReadAsync(part) is var count and > 0)
            lock (into) into.Append(part, 0, count);
    }

    private static string Text(StringBuilder of)
    {
        lock (of) return of.ToString();
    }

    // Not the program kill, which small systems lack.
    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
