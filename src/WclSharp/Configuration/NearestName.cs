namespace WclSharp.Configuration;

/// <summary>
/// Finds the known name that a mistyped one was most likely meant to be, by optimal string alignment distance
/// (insertions, deletions, substitutions and swaps of neighbours count 1; Damerau 1964).
/// </summary>
internal static class NearestName
{
    /// <summary>The nearest of the known names; the first of equals. Case does not count.</summary>
    /// <exception cref="ArgumentException">There are no known names.</exception>
    public static string Find(string name, IEnumerable<string> known) =>
        known.MinBy(candidate => Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant()))
        ?? throw new ArgumentException("There are no known names.", nameof(known));

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
