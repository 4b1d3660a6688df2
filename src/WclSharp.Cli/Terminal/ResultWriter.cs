using System.Text;
using WclSharp.Data;
using WclSharp.Reporting;

namespace WclSharp.Cli.Terminal;

/// <summary>
/// Writes results for people. Where they cannot be written, as on a full disk or where standard output is closed, what else a command has to write is written all the same, and
/// <see cref="Problem"/> says so at its end. Control characters are replaced (<see cref="PlainText"/>).
/// </summary>
/// <param name="inner">Where to write.</param>
internal sealed class ResultWriter(TextWriter inner) : TextWriter
{
    public override Encoding Encoding => inner.Encoding;

    /// <summary>What it writes to.</summary>
    public TextWriter Inner => inner;

    /// <summary>Whether it writes to standard output itself.</summary>
    public bool IsStandardOutput => ReferenceEquals(inner, Console.Out);

    /// <summary>One line that says what could not be written; null where all could.</summary>
    public string? Problem { get; private set; }

    public override void Write(char value) => Try(() => inner.Write(value));

    public override void Write(string? value) => Try(() => inner.Write(value is null ? null : PlainText.Of(value)));

    public override void WriteLine() => Try(inner.WriteLine);

    public override void WriteLine(string? value) => Try(() => inner.WriteLine(value is null ? null : PlainText.Of(value)));

    public override void Flush() => Try(inner.Flush);

    private void Try(Action write)
    {
        if (Problem is not null) return; // the rest of a result without its beginning says little
        try
        {
            write();
        }
        catch (Exception e) when (WriteAdvice.IsOfWriting(e))
        {
            Problem = $"Standard output cannot be written to ({WriteAdvice.Reason(e)}), so the result is not shown; files that the command wrote are complete.";
        }
    }
}
