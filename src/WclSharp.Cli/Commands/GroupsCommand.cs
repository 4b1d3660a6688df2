using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using WclSharp.Cli.Terminal;
using WclSharp.Grouping;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl groups RUN</c>: all images in groups of similar ones, with a page to look through.</summary>
internal static class GroupsCommand
{
    private const double ManyCopies = 0.1; // pairs for each image
    private const int FewestCopies = 20;

    public static Command Create(Func<GroupOptions, IProgress<RunProgress>, CancellationToken, GroupResult> group, TextWriter output, TextWriter error)
    {
        var command = new Command("groups", "Divide images into groups of similar ones; find copies and outliers; write a page to look through");
        var defaults = new GroupOptions { Run = "" };
        var run = new Argument<string>("RUN") { Description = "Run folder that wcl pretrain wrote" };
        var count = NumberOption.Integer("--groups", "How many groups to show", GroupOptions.CountRange, "the coarsest level with as many as there are classes, or ten");
        var copies = NumberOption.Real("--copies", "Cosine of features from which on two images are listed as copies, where their pixels are alike too",
            GroupOptions.CopyRange, defaults.CopyThreshold.ToString(CultureInfo.InvariantCulture));
        var outliers = NumberOption.Integer("--outliers", "How many images that are least like any other to list", GroupOptions.CountRange, "a hundredth of them, 100 at most");
        command.Add(run);
        command.Add(count);
        command.Add(copies);
        command.Add(outliers);
        var options = new TableOptions(command)
            .Add("data", "those the run trained on", "Images to group; same forms as pretrain's")
            .Add("labels", "the run's; none with --data", "CSV or TSV list of path,label to compare the groups with")
            .Add("seed", "the run's", "Seed of the k-means to compare with")
            .Add("device", "auto")
            .Add("out", $"{RunFolder.Groups} in RUN", "Folder for the page and the lists");
        var json = JsonFile.Option();
        command.Add(json);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var request = new GroupOptions
            {
                Run = parsed.GetRequiredValue(run),
                Data = given.Data,
                Labels = given.Labels,
                Groups = parsed.GetValue(count),
                CopyThreshold = parsed.GetValue(copies) ?? defaults.CopyThreshold,
                Outliers = parsed.GetValue(outliers),
                Seed = options.IsGiven(parsed, "seed") ? given.Seed : null,
                Device = given.Device ?? ComputeDevice.Auto,
                Out = given.Out,
            };
            return Stoppable.Run(stop =>
            {
                var result = TerminalProgress.Run(output, error, progress => group(request, progress, stop));
                foreach (string line in GroupTable.Text(result)) output.WriteLine(line);
                output.WriteLine();
                if (GroupTable.Legend(result) is { } legend) output.WriteLine(legend);
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Copies:N0} pairs of {result.Images:N0} images look like copies; the {result.Outliers:N0} that are least like any other are listed."));
                if (result.Copies >= FewestCopies && result.Copies > result.Images * ManyCopies)
                    output.WriteLine("So many pairs may be of images that are merely alike, as photographs of one product are (pixel_difference 0 is a true copy): look before you leave any out, or raise --copies.");
                output.WriteLine($"Gallery:  {RunReport.Shown(result.GalleryFile)}");
                output.WriteLine($"Groups:   {RunReport.Shown(result.GroupsFile)}");
                output.WriteLine($"Medoids:  {RunReport.Shown(result.MedoidsFile)}");
                output.WriteLine($"Copies:   {RunReport.Shown(result.CopiesFile)}");
                output.WriteLine($"Outliers: {RunReport.Shown(result.OutliersFile)}");
                if (result.LabelledImages < result.Images && !Directory.Exists(Path.Combine(request.Run, RunFolder.Suggestions)))
                    output.WriteLine($"Next:     wcl suggest {RunReport.Quoted(request.Run)}{RunReport.Given(("--data", request.Data), ("--labels", request.Labels))}");
                JsonFile.Write(parsed.GetValue(json), writer => Write(writer, result));
            });
        });
        return command;
    }

    private static void Write(Utf8JsonWriter writer, GroupResult result)
    {
        writer.WriteNumber("images", result.Images);
        writer.WriteNumber("labelled_images", result.LabelledImages);
        writer.WriteNumber("copies", result.Copies);
        writer.WriteNumber("outliers", result.Outliers);
        writer.WriteStartArray("levels");
        foreach (var level in result.Levels) Write(writer, level);
        writer.WriteEndArray();
        writer.WritePropertyName("shown");
        Write(writer, result.Shown);
        writer.WriteStartArray("groups");
        foreach (var group in result.Groups) Write(writer, group);
        writer.WriteEndArray();
        if (result.KMeans is not { } clusters) return;
        writer.WritePropertyName("kmeans");
        Write(writer, clusters);
    }

    private static void Write(Utf8JsonWriter writer, ImageGroup group)
    {
        writer.WriteStartObject();
        writer.WriteNumber("images", group.Images);
        writer.WriteString("medoid", group.Medoid);
        writer.WriteNumber("labelled_images", group.LabelledImages);
        if (group.Class is { } name) writer.WriteString("class", name);
        if (group.Purity is { } purity) writer.WriteNumber("purity", purity);
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, Clustering clustering)
    {
        writer.WriteStartObject();
        writer.WriteNumber("groups", clustering.Groups);
        writer.WriteNumber("largest", clustering.Largest);
        if (clustering.Agreement is { } agreement)
        {
            writer.WriteNumber("purity", agreement.Purity);
            if (agreement.Nmi is { } nmi) writer.WriteNumber("nmi", nmi);
            if (agreement.Ami is { } ami) writer.WriteNumber("ami", ami);
        }

        writer.WriteEndObject();
    }
}
