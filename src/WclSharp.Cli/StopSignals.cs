using System.Diagnostics;
using System.Runtime.InteropServices;

namespace WclSharp.Cli;

/// <summary>
/// Turns Ctrl-C, SIGTERM and the end of the terminal (SIGHUP; not where that is ignored, as by nohup) into a cancellation token: the first asks the work to save and stop, another is left to
/// the system, which ends the process at once; but not one that comes with the first, as <c>timeout</c> and job schedulers send theirs to a process and again to its group.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private static readonly TimeSpan Together = TimeSpan.FromSeconds(0.2);
    private readonly CancellationTokenSource stop = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly Action<string> tell;
    private long heard; // when the first was, by Stopwatch; 0 before

    /// <param name="tell">Tells a person that the signal has been heard.</param>
    public StopSignals(Action<string> tell)
    {
        this.tell = tell;
        registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, Hear))];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => stop.Token;

    /// <summary>Exit code of the signal that was heard; null when none was.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>
    /// Asks the work to save and stop when a stream ends, as the standard input does when the program that started this one closes
    /// it or dies. What the stream holds is read and dropped.
    /// </summary>
    public void StopWhenEnded(Stream input)
    {
        var watch = new Thread(() =>
        {
            Span<byte> dropped = stackalloc byte[256];
            try
            {
                while (input.Read(dropped) > 0) { }
            }
            catch (IOException)
            {
                // A broken pipe is an end too.
            }

            ExitCode ??= ExitCodes.Terminated;
            Cancel();
        })
        { IsBackground = true, Name = "standard input" };
        watch.Start();
    }

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        stop.Dispose();
    }

    private void Hear(PosixSignalContext context)
    {
        long now = Stopwatch.GetTimestamp(), first = Interlocked.CompareExchange(ref heard, now, 0); // by a signal: Ctrl-C also reaches the program that ends our input, in either order
        context.Cancel = first == 0 || Stopwatch.GetElapsedTime(first, now) < Together; // else the default, which is to end
        if (first != 0) return;
        ExitCode = context.Signal switch
        {
            PosixSignal.SIGINT => ExitCodes.Interrupted,
            PosixSignal.SIGHUP => ExitCodes.HungUp,
            _ => ExitCodes.Terminated,
        };
        if (Cancel()) Tell("Stopping after this step and keeping what is finished; once more stops at once, without saving.");
    }

    /// <summary>Tells, as far as that can be: an exception on the thread of signals would end the process.</summary>
    private void Tell(string text)
    {
        try
        {
            tell(text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            // Nobody is told, and the work is stopped all the same.
        }
    }

    /// <summary>Stops the work; false where it is over: a signal may still be on its way when it ends.</summary>
    private bool Cancel()
    {
        try
        {
            stop.Cancel();
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }
}
