using System.Text;

namespace WclSharp.Data;

/// <summary>Lines of a text, each with what ended it: a line feed, a carriage return, or both.</summary>
internal sealed class TextLines(TextReader reader)
{
    private readonly char[] buffer = new char[1 << 12];
    private readonly StringBuilder begun = new();
    private int start, end;
    private (string Text, string Ending)? ahead;

    /// <summary>Number of the line that was given last, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>What ended it; empty at the end of the text.</summary>
    public string Ending { get; private set; } = "";

    /// <summary>The next line; null at the end of the text.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="DecoderFallbackException">It is no text.</exception>
    public string? Next()
    {
        var next = ahead ?? Read();
        ahead = null;
        if (next is not (var text, var ending)) return null;
        Number++;
        Ending = ending;
        return text;
    }

    /// <summary>The line that <see cref="Next"/> will give; null at the end of the text.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="DecoderFallbackException">It is no text.</exception>
    public string? Peek() => (ahead ??= Read())?.Text;

    private (string Text, string Ending)? Read()
    {
        begun.Clear();
        while (start < end || Fill())
        {
            var rest = buffer.AsSpan(start, end - start);
            int at = rest.IndexOfAny('\r', '\n');
            begun.Append(at < 0 ? rest : rest[..at]);
            if (at < 0)
            {
                start = end;
                continue;
            }
            bool feed = rest[at] == '\n';
            start += at + 1;
            bool both = !feed && (start < end || Fill()) && buffer[start] == '\n';
            if (both) start++;
            return (begun.ToString(), feed ? "\n" : both ? "\r\n" : "\r");
        }
        return begun.Length == 0 ? null : (begun.ToString(), "");
    }

    private bool Fill()
    {
        (start, end) = (0, reader.Read(buffer, 0, buffer.Length));
        return end > 0;
    }
}
