using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using WclSharp.Configuration;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>
/// One run as a process of its own: <c>wcl pretrain</c> with the run's options spelt out. Ending its standard input asks it
/// to save and stop. That also happens by itself when this process dies, so no training is left behind.
/// </summary>
/// <remarks>Not by a signal: Ctrl-C in a terminal reaches both processes, and a second one would end the run without saving.</remarks>
internal static class TrainingProcess
{
    private const int Killed = 128 + 9;
    private static readonly TimeSpan SignalSkew = TimeSpan.FromSeconds(2);

    /// <summary>Runs to the end.</summary>
    /// <param name="program">Program and first arguments.</param>
    /// <param name="options">The run, with folder and whether it goes on.</param>
    /// <param name="line">Takes the lines that it prints, its warnings among them.</param>
    /// <param name="cancellation">Lets it save and stop.</param>
    /// <exception cref="WclUsageException">The run's options or data are wrong.</exception>
    /// <exception cref="DivergedException">The run has diverged.</exception>
    /// <exception cref="WclException">The run failed, or was stopped by somebody else.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the run has saved.</exception>
    public static void Run(IReadOnlyList<string> program, PretrainOptions options, Action<string> line, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var start = new ProcessStartInfo(program[0], [.. program.Skip(1), .. Arguments(options)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Start(start);
        var warnings = new ConcurrentQueue<string>();
        string problem = "It says nothing.";
        process.ErrorDataReceived += (_, received) =>
        {
            if (string.IsNullOrWhiteSpace(received.Data)) return;
            if (received.Data.StartsWith(PlainProgress.WarningStart, StringComparison.Ordinal)) warnings.Enqueue(received.Data);
            else problem = received.Data.Trim();
        };
        process.BeginErrorReadLine();
        using (cancellation.Register(process.StandardInput.Close))
        {
            while (process.StandardOutput.ReadLine() is { } text)
            {
                TellWarnings();
                line(text);
            }
            process.WaitForExit(); // and until its errors are read
            TellWarnings();
        }

        if (process.ExitCode == 0) return;
        // A signal to both processes may have ended the run before this process has heard it.
        cancellation.WaitHandle.WaitOne(process.ExitCode > 128 ? SignalSkew : TimeSpan.Zero);
        cancellation.ThrowIfCancellationRequested();
        throw process.ExitCode switch // as docs/run-folder.md has them
        {
            2 => new WclUsageException(problem),
            Killed => new WclException($"The run {options.Out} was killed (signal 9), as where memory runs out. It goes on with the same command where more is free; a smaller --batch, in another --out, needs less."),
            1 when RunFolder.ReadSummary(options.Out!) is { Status: RunSummary.Diverged } => new DivergedException(problem),
            _ => new WclException($"The run {options.Out} ended with exit code {process.ExitCode}: {problem}"),
        };

        void TellWarnings()
        {
            while (warnings.TryDequeue(out string? warning)) line(warning);
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new WclException($"The program '{start.FileName}' does not start.");
        }
        catch (Win32Exception e)
        {
            throw new WclUsageException($"The program '{start.FileName}' does not start: {ErrorText.Of(e)}. Name one that does what wcl does.", e);
        }
    }

    /// <summary>The command line of a run. One that goes on has its options in its folder: only what may change is given.</summary>
    internal static IReadOnlyList<string> Arguments(PretrainOptions options) =>
    [
        "pretrain", "--stop-with-input",
        .. PretrainOptionTable.All.Where(option => option.Show(options) is not null && option.Name != "resume")
            .Where(option => !options.Resume || option.MayChangeOnResume || option.NamesRun)
            .Select(option => $"--{option.Name}={option.Show(options)}"),
        .. options.Resume ? ["--resume"] : Array.Empty<string>(),
    ];
}
