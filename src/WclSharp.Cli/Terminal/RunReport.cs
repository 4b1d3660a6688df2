using System.Globalization;
using System.Text;
using WclSharp.Cli.Commands;
using WclSharp.FineTuning;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Terminal;

/// <summary>What a person is told at the end of a run: what came out, where it is, and what to do next.</summary>
internal static class RunReport
{
    /// <summary>Share of the labels that the end of a run on the embedded images speaks of.</summary>
    public const double FewLabels = 0.01;

    /// <summary>How far other test images might lead, as the end of a phrase.</summary>
    private static string OtherImages(double accuracy, long? images) =>
        images is { } number ? string.Create(CultureInfo.InvariantCulture, $"; of {number:N0} images, {AccuracyText.Certainty(accuracy, number)}") : "";

    /// <summary>What came of a run.</summary>
    /// <param name="result">The run.</param>
    /// <param name="next">Whether to say what to do next, which a program that started it knows.</param>
    public static IEnumerable<string> Lines(PretrainResult result, bool next = true)
    {
        var (folder, summary) = (result.RunFolder, result.Summary);
        string shown = Shown(folder);
        yield return "";
        yield return summary.Epoch == 0 ? "Done: nothing was trained; the encoder is that of --init." : string.Create(CultureInfo.InvariantCulture,
            $"Done: {summary.Epoch} epoch{(summary.Epoch == 1 ? "" : "s")} of {summary.Method} in {EpochTable.Duration(TimeSpan.FromSeconds(summary.Seconds ?? 0))} of training.");

        if (summary.Knn is { } knn)
        {
            yield return summary.KnnBefore is { } before && summary.Epoch > 0
                ? string.Create(CultureInfo.InvariantCulture, $"kNN accuracy: {EpochTable.Percent(before)} before, {EpochTable.Percent(knn)} now ({100 * (knn - before):+0.0;-0.0;0.0} points){OtherImages(knn, summary.TestImages)}.")
                : $"kNN accuracy: {EpochTable.Percent(knn)}{OtherImages(knn, summary.TestImages)}.";
            if (summary.KnnBalancedAccuracy is { } mean && AccuracyText.OverClasses(knn, mean).Length > 0)
                yield return $"Balanced accuracy, in which a rare class counts as much as a frequent one: {(summary.KnnBalancedAccuracyBefore is { } meanBefore && summary.Epoch > 0 ? $"{EpochTable.Percent(meanBefore)} before, {EpochTable.Percent(mean)} now" : EpochTable.Percent(mean))}.";
        }
        else
        {
            yield return "No kNN accuracy: it takes labels of training and of test images. Name classes with --labels, or by a folder for each.";
        }

        yield return $"Run folder:   {shown}";
        foreach (var (name, file) in ((string, string)[])[("Curves:       ", "curves.png"), ("Neighbours:   ", "neighbors.png")])
        {
            string plot = Path.Combine(RunFolder.PlotsOf(folder), file);
            if (File.Exists(plot)) yield return name + Shown(plot);
        }

        if (summary.BadImages is > 0)
        {
            string lists = string.Join(" and ", RunFolder.BadImageLists(folder));
            yield return string.Create(CultureInfo.InvariantCulture, $"Left out:     {summary.BadImages:N0} images that could not be read{(lists.Length > 0 ? $"; {lists} {(lists.Contains(" and ", StringComparison.Ordinal) ? "say" : "says")} why" : "")}.");
        }
        yield return $"Encoder:      {Shown(result.EncoderFile)}";
        if (next) yield return $"Next:         wcl {(summary.Knn is null ? "groups" : "evaluate")} {Quoted(shown)}";
    }

    /// <summary>What a few labels give, after a run on the embedded images.</summary>
    public static IEnumerable<string> Lines(FineTuneResult result, string folder)
    {
        var row = result.Rows.MinBy(each => Math.Abs(each.Fraction - FewLabels))!; // the folder may hold others
        string draws = row.Draws == 1 ? "one draw, which moves by some points" : $"mean of {row.Draws} draws";
        yield return string.Create(CultureInfo.InvariantCulture,
            $"Few labels:   {row.Labels} ({EpochTable.Percent(row.Fraction)}) give {EpochTable.Percent(row.FinetuneMean)} by fine-tuning, {EpochTable.Percent(row.ScratchMean)} from scratch, {EpochTable.Percent(row.LinearMean)} by a linear classifier; {draws}.");
        yield return $"              On your images: wcl finetune {Quoted(Shown(folder))} --data PATH --labels labels.csv --test PATH --out finetuned";
    }

    /// <summary>A path as it is shortest to type from here.</summary>
    public static string Shown(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }

    /// <summary>Options of paths as they were given, to go behind a command; empty for those that were not.</summary>
    public static string Given(params ReadOnlySpan<(string Option, string? Path)> options)
    {
        var text = new StringBuilder();
        foreach (var (option, path) in options)
            if (path is not null) text.Append(' ').Append(option).Append(' ').Append(Quoted(path));
        return text.ToString();
    }

    /// <summary>A path as a shell takes it.</summary>
    public static string Quoted(string path) => OperatingSystem.IsWindows() || path.All(letter => char.IsLetterOrDigit(letter) || letter is ' ' or '.' or '/' or '_' or '-' or '+')
        ? path.Contains(' ') ? $"\"{(path.EndsWith('\\') ? path + '\\' : path)}\"" : path
        : $"'{path.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
