using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Suggestions;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl suggest RUN</c>: which images to label first.</summary>
internal static class SuggestCommand
{
    private const int MostShown = 20;

    public static Command Create(Func<SuggestOptions, IProgress<RunProgress>, CancellationToken, SuggestResult> suggest, TextWriter output, TextWriter error)
    {
        var command = new Command("suggest", "Say which images are most worth labelling first: typical ones, each of another kind");
        var defaults = new SuggestOptions { Run = "" };
        var run = new Argument<string>("RUN") { Description = "Run folder that wcl pretrain wrote" };
        var count = NumberOption.Integer("--count", "How many", SuggestOptions.CountRange, defaults.Count.ToString(CultureInfo.InvariantCulture));
        var check = NumberOption.Integer("--check", "Where the classes of all images are known, repeat the choice N times and compare linear classifiers trained on the suggested images with those on as many random ones", SuggestOptions.CheckRange, "off");
        command.Add(run);
        command.Add(count);
        command.Add(check);
        var options = new TableOptions(command)
            .Add("data", "the run's", "Images to choose from, those without a class where only some have one; same forms as pretrain's")
            .Add("labels", "the run's; none with --data", "CSV or TSV list of path,label of images that have a label already")
            .Add("test", "the run's", "Labelled images not to suggest, and to check with (the run's only without --data)")
            .Add("seed", "the run's", "Seed of the grouping")
            .Add("device", "auto")
            .Add("out", $"{RunFolder.Suggestions} in RUN", "Folder for the list and the sheet of pictures");
        var json = JsonFile.Option();
        command.Add(json);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var request = new SuggestOptions
            {
                Run = parsed.GetRequiredValue(run),
                Data = given.Data,
                Labels = given.Labels,
                Test = given.Test,
                Count = parsed.GetValue(count) ?? defaults.Count,
                Check = parsed.GetValue(check) ?? defaults.Check,
                Seed = options.IsGiven(parsed, "seed") ? given.Seed : null,
                Device = given.Device ?? ComputeDevice.Auto,
                Out = given.Out,
            };
            return Stoppable.Run(stop =>
            {
                var result = TerminalProgress.Run(output, error, progress => suggest(request, progress, stop));
                Print(request, result, output);
                Write(parsed.GetValue(json), result);
            });
        });
        return command;
    }

    private static void Print(SuggestOptions request, SuggestResult result, TextWriter output)
    {
        foreach (var (i, image) in result.Images.Take(MostShown).Index())
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{i + 1,4}. {PlainText.Line(image.Path)} ({(image.GroupSize == 1 ? "like no other" : FormattableString.Invariant($"one of {image.GroupSize:N0} alike"))})"));
        if (result.Images.Count > MostShown) output.WriteLine($"      and {result.Images.Count - MostShown} more");
        output.WriteLine();
        if (result.Check is { } check)
        {
            string times = check.Repeats == 1 ? "one try, which moves by some points" : $"mean of {check.Repeats}, ± half-width of the 95 % confidence interval";
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"A linear classifier on {check.Labels} labels: {EpochTable.Percent(check.SuggestedMean, check.SuggestedCi95)} where suggested, {EpochTable.Percent(check.RandomMean, check.RandomCi95)} where random; {times}."));
            if (AccuracyText.OverClasses(check.SuggestedMean, check.SuggestedBalancedAccuracy).Length + AccuracyText.OverClasses(check.RandomMean, check.RandomBalancedAccuracy).Length > 0)
                output.WriteLine($"Balanced accuracy, in which a rare class counts as much as a frequent one: {EpochTable.Percent(check.SuggestedBalancedAccuracy)} where suggested, {EpochTable.Percent(check.RandomBalancedAccuracy)} where random.");
        }

        string data = request.Data is { } given ? $" --data {RunReport.Quoted(given)}" : "";
        // Results with other labels are in the run's own folder; these need one of theirs.
        string other = Directory.Exists(Path.Combine(request.Run, RunFolder.FineTuning)) ? $" --out {RunReport.Quoted(RunReport.Shown(Path.Combine(Path.GetDirectoryName(result.ListFile)!, RunFolder.FineTuning)))}" : "";
        output.WriteLine($"List:  {RunReport.Shown(result.ListFile)} (write each image's class behind its comma; every class needs an image: add lines for rare ones, which outliers.csv of wcl groups or wcl search may find. Then: wcl finetune {RunReport.Quoted(request.Run)}{data} --labels {RunReport.Quoted(RunReport.Shown(result.ListFile))} --test PATH{other})");
        output.WriteLine($"Sheet: {RunReport.Shown(result.SheetFile)}");
    }

    private static void Write(string? json, SuggestResult result) => JsonFile.Write(json, writer =>
    {
        writer.WriteStartArray("images");
        foreach (var image in result.Images)
        {
            writer.WriteStartObject();
            writer.WriteString("path", image.Path);
            writer.WriteNumber("group_size", image.GroupSize);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (result.Check is not { } check) return;
        writer.WriteStartObject("check");
        writer.WriteNumber("labels", check.Labels);
        writer.WriteNumber("repeats", check.Repeats);
        writer.WriteNumber("suggested_mean", check.SuggestedMean);
        if (check.SuggestedCi95 is { } ours) writer.WriteNumber("suggested_ci95", ours);
        writer.WriteNumber("random_mean", check.RandomMean);
        if (check.RandomCi95 is { } theirs) writer.WriteNumber("random_ci95", theirs);
        writer.WriteNumber("suggested_balanced_accuracy", check.SuggestedBalancedAccuracy);
        writer.WriteNumber("random_balanced_accuracy", check.RandomBalancedAccuracy);
        writer.WriteEndObject();
    });
}
