using WclSharp.Cli.Terminal;

namespace WclSharp.Cli;

/// <summary>What commands that take a while have in common: a signal cancels the work, and the exit code says which it was.</summary>
internal static class Stoppable
{
    /// <summary>Does a command's work.</summary>
    /// <param name="work">The work, and telling its result; its errors are the caller's.</param>
    /// <param name="heard">Tells a person that the first signal has been heard; null where the work stops at once.</param>
    /// <param name="stopped">What to do when the work has stopped, as saying how to go on; null where nothing is kept.</param>
    /// <param name="stopWith">The work stops when this stream ends too; null for none.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static int Run(Action<CancellationToken> work, Action<string>? heard = null, Action? stopped = null, Stream? stopWith = null)
    {
        // On a terminal a line of its own would be drawn over by the bar.
        using var signals = new StopSignals(text =>
        {
            if (heard is not null && !LiveProgress.TrySay(text)) heard(text);
        });
        if (stopWith is not null) signals.StopWhenEnded(stopWith);
        try
        {
            work(signals.Token);
            return ExitCodes.Done;
        }
        catch (OperationCanceledException) when (signals.ExitCode is not null)
        {
            stopped?.Invoke();
            return signals.ExitCode.Value;
        }
    }
}
