using Spectre.Console;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Terminal;

/// <summary>Chooses how progress is shown: live on a terminal that a person watches, in plain lines elsewhere.</summary>
internal static class TerminalProgress
{
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);

    /// <summary>Does work whose progress is shown.</summary>
    /// <param name="output">Where progress goes.</param>
    /// <param name="error">Where warnings go, but on a terminal, where they stand above the bar.</param>
    /// <param name="work">The work.</param>
    public static T Run<T>(TextWriter output, TextWriter error, Func<IProgress<RunProgress>, T> work) =>
        IsLive(output) ? LiveProgress.Run(AnsiConsole.Create(new AnsiConsoleSettings { Out = new LastingOutput(AnsiConsole.Profile.Out) }), work) : work(new PlainProgress(new UnfailingWriter(output).WriteLine, PlainInterval, new UnfailingWriter(error).WriteLine));

    private static bool IsLive(TextWriter output) =>
        output is ResultWriter { IsStandardOutput: true } && IsLive(Console.IsOutputRedirected, AnsiConsole.Profile.Capabilities.Ansi, Environment.GetEnvironmentVariable);

    /// <summary>Whether a person watches.</summary>
    /// <param name="redirected">Whether the output goes to a file or a pipe.</param>
    /// <param name="ansi">Whether the terminal knows escape codes.</param>
    /// <param name="variable">The environment's variables.</param>
    internal static bool IsLive(bool redirected, bool ansi, Func<string, string?> variable) =>
        !redirected && ansi && string.IsNullOrEmpty(variable("NO_COLOR")) && string.IsNullOrEmpty(variable("CI")) && variable("TERM") != "dumb";

    /// <summary>A terminal that may be closed under the work, which then has to save and cannot be told of it.</summary>
    private sealed class LastingOutput(IAnsiConsoleOutput inner) : IAnsiConsoleOutput
    {
        public TextWriter Writer { get; } = new UnfailingWriter(inner.Writer, escapes: true);

        public bool IsTerminal => inner.IsTerminal;

        public int Width => inner.Width;

        public int Height => inner.Height;

        public void SetEncoding(System.Text.Encoding encoding) => inner.SetEncoding(encoding);
    }
}
