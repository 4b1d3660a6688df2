using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using WclSharp.Classification;
using WclSharp.Cli.Terminal;
using WclSharp.Data;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl classify CLASSIFIER</c>: what a fine-tuned classifier takes every image for, as a table.</summary>
internal static class ClassifyCommand
{
    public static Command Create(Func<ClassifyOptions, IProgress<RunProgress>, CancellationToken, ClassifyResult> classify, TextWriter output, TextWriter error)
    {
        var command = new Command("classify", "Predict every image's class, with its probability, by a fine-tuned classifier");
        var json = JsonFile.Option();
        var all = new Option<bool>("--probabilities") { Description = "Write a column p(NAME) for each class, with its probability: to sort by one class, or to set a threshold of one's own [default: off]" };
        var pass = new EmbeddingPass(command,
            new Argument<string>("CLASSIFIER") { Description = "Folder of a fine-tuning or distillation, its classifier.safetensors, the run that was fine-tuned, or an ONNX file that wcl export wrote of one" },
            OutputFile.Option("--out", "File to write: a row of path, label (where it is known), class and probability an image", required: true, ending: ".csv", isRenamed: true),
            "classify", "those of CLASSIFIER where it is a run; needed else", all, json);
        command.SetAction(parsed =>
        {
            var request = pass.Apply(parsed, new ClassifyOptions { Classifier = pass.Model(parsed), Out = pass.Out(parsed), AllProbabilities = parsed.GetValue(all) });
            return EmbeddingPass.Run(request, (progress, stop) => classify(request, progress, stop), result =>
            {
                foreach (string line in Lines(result)) output.WriteLine(line);
                JsonFile.Write(parsed.GetValue(json), writer => Write(writer, result));
            }, output, error);
        });
        return command;
    }

    private static IEnumerable<string> Lines(ClassifyResult result)
    {
        yield return string.Create(CultureInfo.InvariantCulture,
            $"Wrote {RunReport.Shown(result.File)}: {result.Images:N0} images, {(result.Images - result.Resumed) / result.Seconds:0} images/s in {result.Seconds:0.0} s");
        foreach (string line in EmbeddingPass.Lines(result.File, result.Source, result.Ignored, result.Resumed, result.BadImages)) yield return line;
        foreach (string line in ClassCounts.Lines(result.Classes, result.Images, result.Accuracy is not null)) yield return line;
        yield return $"Mean probability {EpochTable.Percent(result.MeanProbability)}: how sure the classifier is, not how often it is right";
        if (result is { Labelled: > 0, Accuracy: null })
            yield return $"No accuracy: the images' classes ({PlainText.Line(ClassCatalog.Few([.. result.UnknownClasses.Keys]))}) are not among the classifier's; name others with --labels";
        if (result.Accuracy is not { } accuracy) yield break;
        yield return $"Accuracy {EpochTable.Percent(accuracy)} of {Count(result.Labelled)} images whose class is known ({AccuracyText.Certainty(accuracy, result.Labelled)}{AccuracyText.OverClasses(accuracy, result.BalancedAccuracy)}); those that it was trained on, if any, count too";
        if (result.OfUnknownClasses > 0) yield return $"  {Count(result.OfUnknownClasses)} of them {(result.OfUnknownClasses == 1 ? "is" : "are")} of classes that it does not know ({PlainText.Line(ClassCatalog.Few([.. result.UnknownClasses.Keys]))}), and {(result.OfUnknownClasses == 1 ? "counts" : "count")} as wrong";
    }

    private static string Count(long images) => images.ToString("N0", CultureInfo.InvariantCulture);

    private static void Write(Utf8JsonWriter writer, ClassifyResult result)
    {
        writer.WriteString("file", result.File);
        writer.WriteNumber("images", result.Images);
        writer.WriteNumber("bad_images", result.BadImages);
        writer.WriteNumber("seconds", result.Seconds);
        writer.WriteNumber("mean_probability", result.MeanProbability);
        ClassCounts.Write(writer, "classes", result.Classes, known: result.Labelled > 0);
        writer.WriteNumber("labelled", result.Labelled);
        if (result.Labelled == 0) return;
        writer.WriteNumber("correct", result.Correct);
        writer.WriteNumber("of_unknown_classes", result.OfUnknownClasses);
        writer.WriteStartArray("unknown_classes");
        foreach (var (name, images) in result.UnknownClasses)
        {
            writer.WriteStartObject();
            writer.WriteString("class", name);
            writer.WriteNumber("images", images);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (result.Accuracy is not { } accuracy) return;
        writer.WriteNumber("accuracy", accuracy);
        writer.WriteNumber("balanced_accuracy", result.BalancedAccuracy!.Value);
        AccuracyText.WriteInterval(writer, "", accuracy, result.Labelled);
    }
}
