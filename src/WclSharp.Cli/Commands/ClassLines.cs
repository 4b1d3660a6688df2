using System.Globalization;
using WclSharp.Evaluation;
using WclSharp.Reporting;

namespace WclSharp.Cli.Commands;

/// <summary>A table of classes: how many of each were found, and how many of those taken for it are of it.</summary>
internal static class ClassLines
{
    /// <summary>The classes that most images were taken for or are of, and what <c>--json</c> has of others.</summary>
    /// <param name="classes">The counts.</param>
    /// <param name="images">All images.</param>
    /// <param name="known">Whether any image has a class that is told.</param>
    public static IEnumerable<string> Of(IReadOnlyList<ClassifiedClass> classes, long images, bool known)
    {
        var shown = classes.OrderByDescending(each => each.Images).Take(AccuracyText.MostClasses).ToList();
        (string Title, Func<ClassifiedClass, string> Cell)[] columns = [("class", each => each.Name), (known ? "taken" : "images", each => Count(each.Images)), ("share", each => EpochTable.Percent(each.Images / (double)Math.Max(1, images)))];
        if (known)
        {
            columns =
            [
                .. columns, ("known", each => Count(each.Labelled)),
                ("found", each => each.Recall is { } recall ? $"{Count(each.Right)} ({EpochTable.Percent(recall)})" : "-"), ("95 % interval", each => each.Recall is { } recall ? AccuracyText.Interval(recall, each.Labelled) : "-"),
                ("right of taken", each => each.Precision is { } precision ? $"{EpochTable.Percent(precision)} of {Count(each.LabelledTaken)}" : "-"),
            ];
        }
        foreach (string line in TextTable.Lines(columns, shown, namesFirst: true)) yield return $"  {line}";
        if (classes.Count > shown.Count) yield return $"  and {Count(classes.Count - shown.Count)} classes more, which --json counts";
    }

    private static string Count(long images) => images.ToString("N0", CultureInfo.InvariantCulture);
}
