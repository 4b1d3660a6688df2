using System.Globalization;
using WclSharp.Evaluation;
using WclSharp.Reporting;

namespace WclSharp.FineTuning;

/// <summary>Draws into rows, and rows into lines.</summary>
internal static class FineTuneTable
{
    /// <summary>Columns of a table of these rows; that of differences only where something was trained from scratch.</summary>
    private static (string Title, Func<FineTuneRow, string> Cell)[] ColumnsOf(IReadOnlyList<FineTuneRow> rows) =>
    [
        ("labels", row => row.Labels.ToString("N0", CultureInfo.InvariantCulture)),
        ("of all", row => EpochTable.Percent(row.Fraction)),
        ("draws", row => row.Draws.ToString(CultureInfo.InvariantCulture)),
        ("fine-tuned", row => EpochTable.Percent(row.FinetuneMean, row.FinetuneCi95)),
        ("from scratch", row => EpochTable.Percent(row.ScratchMean, row.ScratchCi95)),
        .. rows.Any(row => row.ScratchDifference is not null)
            ? [("fine-tuned - scratch", row => EpochTable.Points(row.ScratchDifference, row.ScratchDifferenceCi95))]
            : Array.Empty<(string, Func<FineTuneRow, string>)>(),
        ("kNN", row => EpochTable.Percent(row.KnnMean, row.KnnCi95)),
        ("linear", row => EpochTable.Percent(row.LinearMean, row.LinearCi95)),
    ];

    /// <summary>Columns of fixed width; a dash is what was not measured.</summary>
    public static IReadOnlyList<string> Text(IReadOnlyList<FineTuneRow> rows) => TextTable.Lines(ColumnsOf(rows), rows, namesFirst: false);

    /// <summary>Means and intervals, fewest labels first.</summary>
    public static IReadOnlyList<FineTuneRow> Rows(IEnumerable<FineTuneDraw> draws) =>
    [
        .. draws.GroupBy(draw => draw.Budget).Select(group =>
        {
            var (finetune, scratch) = (StudentInterval.Of(group.Select(draw => (double?)draw.Finetune))!, StudentInterval.Of(group.Select(draw => draw.Scratch)));
            var difference = StudentInterval.Of(group.Select(draw => draw.Finetune - draw.Scratch));
            var choice = group.MinBy(draw => draw.Draw)!; // made on the first draw, the same for all
            // All labels are the same in every draw, which then is another seed of training alone.
            bool all = group.First().Fraction == 1;
            var (knn, linear) = (StudentInterval.Of(group.Select(draw => (double?)draw.Knn))!, StudentInterval.Of(group.Select(draw => (double?)draw.Linear))!);
            return new FineTuneRow
            {
                Budget = group.Key,
                Fraction = group.First().Fraction,
                Labels = group.First().Labels,
                Draws = group.Count(),
                FinetuneMean = finetune.Mean,
                FinetuneCi95 = finetune.HalfWidth,
                FinetuneBalancedAccuracy = MeanOf(group.Select(draw => draw.FinetuneBalancedAccuracy)),
                ScratchMean = scratch?.Mean,
                ScratchCi95 = scratch?.HalfWidth,
                ScratchBalancedAccuracy = MeanOf(group.Select(draw => draw.ScratchBalancedAccuracy)),
                ScratchDifference = difference?.Mean,
                ScratchDifferenceCi95 = difference?.HalfWidth,
                ValidationLabels = choice.ValidationLabels,
                Lr = choice.Lr,
                StopAt = choice.StopAt,
                ScratchLr = choice.ScratchLr,
                ScratchStopAt = choice.ScratchStopAt,
                KnnMean = knn.Mean,
                KnnBalancedAccuracy = MeanOf(group.Select(draw => draw.KnnBalancedAccuracy)),
                LinearBalancedAccuracy = MeanOf(group.Select(draw => draw.LinearBalancedAccuracy)),
                KnnCi95 = all ? null : knn.HalfWidth,
                LinearMean = linear.Mean,
                LinearCi95 = all ? null : linear.HalfWidth,
            };
        }).OrderBy(row => row.Labels),
    ];

    /// <summary>Mean over draws; null where one has no figure.</summary>
    private static double? MeanOf(IEnumerable<double?> draws) => draws.ToArray() is var all && all.Contains(null) ? null : all.Average();
}
