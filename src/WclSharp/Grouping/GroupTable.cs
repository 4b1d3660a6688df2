using System.Globalization;
using WclSharp.Reporting;

namespace WclSharp.Grouping;

/// <summary>The levels, what is shown, and k-means, side by side.</summary>
internal static class GroupTable
{
    /// <summary>A name for each clustering, in the order to show them in; that of the one whose groups are shown says so.</summary>
    public static IEnumerable<(string Name, Clustering Clustering, bool IsShown)> Rows(GroupResult result)
    {
        foreach (var (i, level) in result.Levels.Index()) yield return ($"level {i + 1}{(level == result.Shown ? ", shown" : "")}", level, level == result.Shown);
        if (!result.Levels.Contains(result.Shown)) yield return ("joined, shown", result.Shown, true);
        if (result.KMeans is { } clusters) yield return ("k-means", clusters, false); // which may divide alike
    }

    /// <summary>The table as lines of text.</summary>
    public static IReadOnlyList<string> Text(GroupResult result)
    {
        (string Title, Func<(string Name, Clustering Clustering, bool IsShown), string> Cell)[] columns =
        [
            ("", row => row.Name),
            ("groups", row => row.Clustering.Groups.ToString("N0", CultureInfo.InvariantCulture)),
            ("largest", row => EpochTable.Percent(row.Clustering.Largest)),
        ];
        if (result.Shown.Agreement is not null)
        {
            columns =
            [
                .. columns,
                ("purity", row => EpochTable.Percent(row.Clustering.Agreement!.Purity)),
                ("NMI", row => Shown(row.Clustering.Agreement!.Nmi)),
                ("AMI", row => Shown(row.Clustering.Agreement!.Ami)),
            ];
        }

        return TextTable.Lines(columns, Rows(result), namesFirst: true);
    }

    /// <summary>What the agreement with classes is of; null where none is known.</summary>
    public static string? Legend(GroupResult result) => result.Shown.Agreement is null ? null
        : string.Create(CultureInfo.InvariantCulture, $"Purity, NMI and AMI are of the {result.LabelledImages:N0} labelled images of {result.Images:N0}.");

    /// <summary>NMI or AMI; a dash where there is nothing to agree on.</summary>
    public static string Shown(double? information) => information?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-";
}
