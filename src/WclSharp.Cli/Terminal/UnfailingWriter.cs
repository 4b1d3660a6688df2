using System.Text;
using WclSharp.Reporting;

namespace WclSharp.Cli.Terminal;

/// <summary>
/// Writes what a person may like to know but nothing hangs on: progress, warnings, that a signal was heard. Where it cannot be written, as where the disk
/// that it is redirected to is full, work of hours goes on and is saved. Results are not written with it.
/// </summary>
/// <param name="inner">Where to write.</param>
/// <param name="escapes">Whether what is written moves a terminal's cursor and changes its colours; else control characters are replaced (<see cref="PlainText"/>).</param>
internal sealed class UnfailingWriter(TextWriter inner, bool escapes = false) : TextWriter
{
    private readonly TextWriter inner = inner is ResultWriter results ? results.Inner : inner;

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Try(() => inner.Write(value));

    public override void Write(string? value) => Try(() => inner.Write(Shown(value)));

    public override void WriteLine(string? value) => Try(() => inner.WriteLine(Shown(value)));

    public override void Flush() => Try(inner.Flush);

    private string? Shown(string? value) => escapes || value is null ? value : PlainText.Of(value);

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException) // the second where it is closed
        {
            // Nobody is told.
        }
    }
}
