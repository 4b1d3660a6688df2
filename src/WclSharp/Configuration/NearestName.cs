namespace WclSharp.Configuration;

/// <summary>
/// Finds the known name that a mistyped one was most likely meant to be, by optimal string alignment distance
/// (insertions, deletions, substitutions and swaps of neighbours count 1; Damerau 1964).
/// </summary>
internal static class NearestName
{
    private const int FewestOfABeginning = 3;

    /// <summary>The nearest of the known names, the first of equals: by a third of its letters at most, or begun by what was typed; null where none is. Case does not count.</summary>
    public static string? Find(string name, IEnumerable<string> known)
    {
        string typed = Bare(name);
        var (nearest, edits) = known.Select(candidate => (candidate, Edits: Distance(typed, Bare(candidate)))).MinBy(pair => pair.Edits);
        if (edits <= (Math.Max(typed.Length, Bare(nearest).Length) + 1) / 3) return nearest;
        return typed.Length < FewestOfABeginning ? null : known.FirstOrDefault(candidate => Bare(candidate).StartsWith(typed, StringComparison.Ordinal));
    }

    /// <summary>The question whether the nearest name was meant, to go behind what is wrong; empty where none is near.</summary>
    /// <param name="name">What was typed.</param>
    /// <param name="known">Names that there are.</param>
    /// <param name="shown">How a name is written; null is as it is.</param>
    public static string Question(string name, IEnumerable<string> known, Func<string, string>? shown = null) =>
        Find(name, known) is { } nearest ? $"; did you mean {shown?.Invoke(nearest) ?? nearest}?" : ".";

    /// <summary>Without the dashes of an option, which all have.</summary>
    private static string Bare(string name) => name.ToLowerInvariant().TrimStart('-');

    /// <summary>Fewest single-character edits that turn one name into the other, no part edited twice.</summary>
    public static int Distance(ReadOnlySpan<char> from, ReadOnlySpan<char> to)
    {
        // Three rolling rows of the usual table: a swap looks back two.
        int[] beforeLast = new int[to.Length + 1], last = new int[to.Length + 1], row = new int[to.Length + 1];
        for (int j = 0; j <= to.Length; j++) last[j] = j;
        for (int i = 1; i <= from.Length; i++)
        {
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                int substitution = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                row[j] = Math.Min(substitution, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
            }

            (beforeLast, last, row) = (last, row, beforeLast);
        }

        return last[to.Length];
    }
}
