using System.Globalization;
using System.Text.Json;
using WclSharp.Evaluation;
using WclSharp.Reporting;

namespace WclSharp.Cli.Commands;

/// <summary>Classes as a table and as JSON: how many are predicted, and with what recall and precision.</summary>
internal static class ClassCounts
{
    /// <summary>The classes that are predicted most often, and what <c>--json</c> has of others.</summary>
    /// <param name="classes">The counts.</param>
    /// <param name="images">All images.</param>
    /// <param name="known">Whether any image has a class that is told.</param>
    public static IEnumerable<string> Lines(IReadOnlyList<ClassifiedClass> classes, long images, bool known)
    {
        var shown = classes.OrderByDescending(each => each.Images).Take(AccuracyText.MostClasses).ToList();
        (string Title, Func<ClassifiedClass, string> Cell)[] columns = [("class", each => each.Name), (known ? "predicted" : "images", each => Count(each.Images)), ("share", each => EpochTable.Percent(each.Images / (double)Math.Max(1, images)))];
        if (known)
        {
            columns =
            [
                .. columns, ("labelled", each => Count(each.Labelled)),
                ("recall", each => each.Recall is { } recall ? $"{Count(each.Correct)} ({EpochTable.Percent(recall)})" : "-"), ("95 % interval", each => each.Recall is { } recall ? AccuracyText.Interval(recall, each.Labelled) : "-"),
                ("precision", each => each.Precision is { } precision ? $"{EpochTable.Percent(precision)} of {Count(each.LabelledPredicted)}" : "-"),
            ];
        }
        foreach (string line in TextTable.Lines(columns, shown, namesFirst: true)) yield return $"  {line}";
        if (classes.Count > shown.Count) yield return $"  and {Count(classes.Count - shown.Count)} more classes, which --json counts";
    }

    /// <summary>The same counts as an array of objects, for programs.</summary>
    /// <param name="writer">Where to write.</param>
    /// <param name="key">The array's key.</param>
    /// <param name="classes">The counts.</param>
    /// <param name="known">Whether the class of any image is known.</param>
    public static void Write(Utf8JsonWriter writer, string key, IReadOnlyList<ClassifiedClass> classes, bool known)
    {
        writer.WriteStartArray(key);
        foreach (var each in classes)
        {
            writer.WriteStartObject();
            writer.WriteString("class", each.Name);
            writer.WriteNumber("images", each.Images);
            if (known)
            {
                writer.WriteNumber("labelled", each.Labelled);
                writer.WriteNumber("correct", each.Correct);
                writer.WriteNumber("labelled_predicted", each.LabelledPredicted);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static string Count(long images) => images.ToString("N0", CultureInfo.InvariantCulture);
}
