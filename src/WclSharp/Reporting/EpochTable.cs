using System.Globalization;
using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>Metrics as lines of a table with fixed columns, one line an epoch; what was not measured is a dash.</summary>
internal static class EpochTable
{
    private const int MostDecimals = 4; // of a difference
    private const int FewestPairs = 30; // of fewer a share swings from 0 to 100 % by chance

    private static readonly (string Title, int Width, Func<EpochMetrics, string> Cell)[] Columns =
    [
        ("epoch", 5, m => m.Epoch.ToString(CultureInfo.InvariantCulture)),
        ("instance", 9, m => Number(m.InstanceLoss, "0.0000")),
        ("weak", 8, m => Number(m.WeakLoss, "0.0000")),
        ("kNN", 7, m => Percent(m.Knn)),
        ("components", 11, m => Number(m.Components, "0.0")),
        ("largest", 8, m => Percent(m.LargestComponent)),
        ("purity", 7, m => Percent(m.Purity)),
        ("pairs", 7, m => m.PairsJudged < FewestPairs ? "-" : Percent(m.PairPrecision)),
        ("rank", 6, m => Number(m.EffectiveRank, "0.0")),
        ("images/s", 9, m => Number(m.ImagesPerSecond, "0")),
        ("wait", 5, m => m.DataWait is { } wait ? wait.ToString("0%", CultureInfo.InvariantCulture) : "-"),
        ("time", 8, m => m.Seconds is { } seconds ? Duration(TimeSpan.FromSeconds(seconds)) : "-"),
    ];

    /// <summary>The columns' names: losses in nats, largest component and purity as shares of a batch.</summary>
    public static string Header { get; } = string.Join(' ', Columns.Select(column => column.Title.PadLeft(column.Width)));

    /// <summary>The line of an epoch.</summary>
    public static string Line(EpochMetrics metrics) => string.Join(' ', Columns.Select(column => column.Cell(metrics).PadLeft(column.Width)));

    /// <summary>A share as a percentage.</summary>
    public static string Percent(double? share) =>
        share is { } value ? (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + "%" : "-";

    /// <summary>A mean of shares as a percentage, with the half-width of its interval where there is one.</summary>
    public static string Percent(double? mean, double? halfWidth) =>
        Percent(mean) + (mean is not null && halfWidth is { } half ? string.Create(CultureInfo.InvariantCulture, $" ± {100 * half:0.0}") : "");

    /// <summary>
    /// A mean difference of shares in percentage points, with its sign, and the half-width of its interval where there is one: with two decimals below one point,
    /// and with as many as show whether 0 lies inside.
    /// </summary>
    public static string Points(double? mean, double? halfWidth)
    {
        if (mean is not { } value) return "-";
        int decimals = halfWidth < 0.01 ? 2 : 1;
        if (halfWidth is not { } half) return Signed();
        while (decimals < MostDecimals && Math.Abs(value) != half && Plain(Math.Abs(value)) == Plain(half)) decimals++;
        return $"{Signed()} ± {Plain(half)}";

        string Plain(double share) => (100 * share).ToString($"F{decimals}", CultureInfo.InvariantCulture);
        string Signed()
        {
            string digits = "0." + new string('0', decimals);
            return (100 * value).ToString($"+{digits};-{digits};{digits}", CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Hours, minutes and seconds, hours only where there are any.</summary>
    public static string Duration(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");

    // The third part is of what rounds to zero, which has no sign then.
    private static string Number(double? value, string format) => value?.ToString($"{format};-{format};{format}", CultureInfo.InvariantCulture) ?? "-";
}
