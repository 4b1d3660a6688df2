namespace WclSharp.Cli;

/// <summary>What the process ends with.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>Something failed on the way.</summary>
    public const int Failed = 1;

    /// <summary>An option, a file or a data set is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Stopped as the terminal or the connection was closed (SIGHUP), after saving.</summary>
    public const int HungUp = 129;

    /// <summary>Stopped by Ctrl-C, after saving: 128 and the signal's number, as shells have it.</summary>
    public const int Interrupted = 130;

    /// <summary>Stopped by SIGTERM, after saving.</summary>
    public const int Terminated = 143;
}
