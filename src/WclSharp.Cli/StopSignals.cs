using System.Runtime.InteropServices;

namespace WclSharp.Cli;

/// <summary>
/// Turns Ctrl-C and SIGTERM into a cancellation token: the first asks the work to save and stop, the second is left to
/// the system, which ends the process at once.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly Action<string> tell;

    /// <param name="tell">Tells a person that the signal has been heard.</param>
    public StopSignals(Action<string> tell)
    {
        this.tell = tell;
        registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Hear), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Hear)];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => stop.Token;

    /// <summary>Exit code of the signal that was heard; null when none was.</summary>
    public int? ExitCode { get; private set; }

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        stop.Dispose();
    }

    private void Hear(PosixSignalContext context)
    {
        if (ExitCode is not null) return; // not cancelled: the default is to end
        context.Cancel = true;
        ExitCode = context.Signal == PosixSignal.SIGINT ? ExitCodes.Interrupted : ExitCodes.Terminated;
        tell("Stopping after this step and saving; once more stops at once, without saving.");
        stop.Cancel();
    }
}
