using System.Globalization;
using WclSharp.Training;

namespace WclSharp.Reporting;

/// <summary>Metrics as lines of a table with fixed columns, one line an epoch; what was not measured is a dash.</summary>
internal static class EpochTable
{
    private const int MostDecimals = 4; // of a difference
    private const int FewestPairs = 30; // of fewer a share swings from 0 to 100 % by chance

    private static readonly Column[] Columns =
    [
        new("epoch", 5, 0, m => m.Epoch.ToString(CultureInfo.InvariantCulture)),
        new("instance", 9, 1, m => Number(m.InstanceLoss, "0.0000")),
        new("weak", 8, 3, m => Number(m.WeakLoss, "0.0000")),
        new("kNN", 7, 0, m => Percent(m.Knn)),
        new("components", 11, 4, m => Number(m.Components, "0.0")),
        new("largest", 8, 5, m => Percent(m.LargestComponent)),
        new("purity", 7, 6, m => Percent(m.Purity)),
        new("pairs", 7, 8, m => m.LabelledPairs < FewestPairs ? "-" : Percent(m.PairPrecision)),
        new("rank", 6, 7, m => Number(m.EffectiveRank, "0.0")),
        new("images/s", 9, 9, m => Number(m.ImagesPerSecond, "0")),
        new("wait", 5, 10, m => m.DataWait is { } wait ? wait.ToString("0%", CultureInfo.InvariantCulture) : "-"),
        new("time", 8, 2, m => m.Seconds is { } seconds ? Duration(TimeSpan.FromSeconds(seconds)) : "-"),
    ];

    /// <summary>The columns' names: losses in nats, largest component and purity as shares of a batch.</summary>
    public static string Header { get; } = HeaderOf(int.MaxValue);

    /// <summary>Those of as many columns as there is room for, the least needed left out.</summary>
    public static string HeaderOf(int width) => string.Join(' ', Within(width).Select(column => column.Title.PadLeft(column.Width)));

    /// <summary>The line of an epoch, in as many columns as there is room for.</summary>
    public static string Line(EpochMetrics metrics, int width = int.MaxValue) => string.Join(' ', Within(width).Select(column => column.Cell(metrics).PadLeft(column.Width)));

    private static IEnumerable<Column> Within(int width)
    {
        int last = Columns.Max(column => column.Order);
        while (last > 0 && Columns.Where(column => column.Order <= last).Sum(column => column.Width + 1) - 1 > width) last--;
        return Columns.Where(column => column.Order <= last);
    }

    /// <param name="Title">Its name.</param>
    /// <param name="Width">Characters.</param>
    /// <param name="Order">How soon it is needed: where there is no room for all, the highest go first.</param>
    /// <param name="Cell">What it shows of an epoch.</param>
    private sealed record Column(string Title, int Width, int Order, Func<EpochMetrics, string> Cell);

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
