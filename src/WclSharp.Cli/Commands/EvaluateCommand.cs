using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using WclSharp.Cli.Terminal;
using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl evaluate RUN</c>: kNN accuracy of a run's encoder, and a linear probe.</summary>
internal static class EvaluateCommand
{
    public static Command Create(Func<RunEvaluationOptions, IProgress<RunProgress>, CancellationToken, RunEvaluationResult> evaluate,
        TextWriter output, TextWriter error)
    {
        var command = new Command("evaluate", "Measure a run's encoder on labelled images: kNN accuracy, and with --linear a linear probe");
        var run = new Argument<string>("RUN") { Description = "Run folder that wcl pretrain wrote" };
        command.Add(run);
        var options = new TableOptions(command)
            .Add("data", "the run's", "Labelled training images, the neighbours of the kNN classifier; same forms as pretrain's")
            .Add("test", "without --data the run's, else a part of --data", "Labelled test images")
            .Add("labels", "the run's; none with --data")
            .Add("knn-k", KnnClassifier.DefaultText, "Neighbours of the kNN classifier")
            .Add("device", "auto");
        var linear = new Option<bool>("--linear") { Description = "Train a linear classifier on the features as well [default: off]" };
        command.Add(linear);
        var augmented = new Option<bool>("--linear-augmented") { Description = $"Train it on random crops and flips, new ones each of {LinearProbe.Epochs} epochs; turns --linear on [default: off]" };
        var rate = NumberOption.Real("--linear-lr", $"Its learning rate for batches of {LinearProbe.Batch}; turns --linear on", RunEvaluationOptions.RateRange, string.Create(CultureInfo.InvariantCulture,
            $"chosen on {LabelDraw.HeldOutShare} of the training labels, {new LinearProbeSettings().LearningRate} where less than half of them are of classes with {LabelDraw.LeastToHoldOutFrom}"));
        var decay = NumberOption.Real("--linear-decay", "Its weight decay; turns --linear on", RunEvaluationOptions.DecayRange, "chosen after the rate; 0 where that is given");
        command.Add(augmented);
        command.Add(rate);
        command.Add(decay);
        var confusion = OutputFile.Option("--confusion", "Write the linear classifier's confusion matrix as a PNG; turns --linear on [default: none]", makesFolder: true, ending: ".png");
        command.Add(confusion);
        var json = JsonFile.Option();
        command.Add(json);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var asked = new RunEvaluationOptions
            {
                Run = parsed.GetRequiredValue(run),
                Data = given.Data,
                Test = given.Test,
                Labels = given.Labels,
                KnnK = given.KnnK,
                Device = given.Device ?? ComputeDevice.Auto,
                Linear = parsed.GetValue(linear),
                LinearAugmented = parsed.GetValue(augmented),
                LinearConfusion = parsed.GetValue(confusion) is not null,
                LinearLearningRate = parsed.GetValue(rate),
                LinearWeightDecay = parsed.GetValue(decay),
            };
            if (asked.TrainsClassifier && !asked.Linear && parsed.GetResult(linear) is { Implicit: false })
                throw new WclUsageException($"--linear is false, and {(asked.LinearAugmented ? augmented : asked.LinearConfusion ? confusion : asked.LinearLearningRate is not null ? rate : (Option)decay).Name} turns it on; leave one of them out.");
            var request = asked with { LinearConfusion = asked.LinearConfusion || (asked.TrainsClassifier && parsed.GetValue(json) is not null) };
            return Stoppable.Run(stop =>
            {
                var result = TerminalProgress.Run(output, error, progress => evaluate(request, progress, stop));
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"kNN accuracy after epoch {result.Epoch}: {EpochTable.Percent(result.Knn)} of {result.TestImages:N0} images ({Certainty(result.Knn, result.TestImages, result.KnnBalancedAccuracy)}), by the {result.KnnK} nearest of {result.TrainImages:N0}, in {result.Seconds:0.0} s"));
                if (result.Linear is { } measured)
                {
                    foreach (string line in Lines(measured, request)) output.WriteLine(line);
                    if (request.LinearConfusion && measured.Confusion is null)
                    {
                        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Confusion matrix: left out, of more than {ConfusionMatrix.MostClasses:N0} classes"));
                    }
                    else if (parsed.GetValue(confusion) is { } picture)
                    {
                        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(picture))!);
                        string? unnamed = ConfusionPlot.Write(picture, measured.Confusion!, string.Create(CultureInfo.InvariantCulture, $"Linear probe: {EpochTable.Percent(measured.Top1)} of {measured.TestImages:N0} images right\n{AccuracyText.Certainty(measured.Top1, measured.TestImages)}"));
                        output.WriteLine($"Confusion matrix: {RunReport.Shown(picture)}");
                        if (unnamed is not null) error.WriteLine($"warning: {unnamed}");
                    }
                }

                // Results that are there may be by other settings, which would be refused.
                if (!Directory.Exists(Path.Combine(request.Run, RunFolder.FineTuning)))
                    output.WriteLine($"Next: wcl finetune {RunReport.Quoted(request.Run)}{RunReport.Given(("--data", request.Data), ("--labels", request.Labels), ("--test", request.Test))}");
                JsonFile.Write(parsed.GetValue(json), writer =>
                {
                    writer.WriteString("run", request.Run);
                    writer.WriteNumber("epoch", result.Epoch);
                    writer.WriteNumber("knn", result.Knn);
                    AccuracyText.WriteInterval(writer, "knn_", result.Knn, result.TestImages);
                    writer.WriteNumber("knn_balanced_accuracy", result.KnnBalancedAccuracy);
                    ClassCounts.Write(writer, "knn_per_class", result.KnnPerClass, known: true);
                    writer.WriteNumber("knn_k", result.KnnK);
                    writer.WriteNumber("train_images", result.TrainImages);
                    writer.WriteNumber("test_images", result.TestImages);
                    writer.WriteNumber("near_duplicates", result.NearDuplicates);
                    writer.WriteNumber("near_duplicates_checked", result.NearDuplicatesChecked);
                    writer.WriteNumber("seconds", result.Seconds);
                    writer.WriteString("device", result.Device);
                    writer.WriteString("precision", result.Precision);
                    if (result.Linear is { } probe) Write(writer, probe, request);
                });
            });
        });
        return command;
    }

    private static IEnumerable<string> Lines(LinearProbeResult probe, RunEvaluationOptions request)
    {
        string top5 = probe.Top5 is { } share ? $" (top-5 {EpochTable.Percent(share)})" : "";
        yield return string.Create(CultureInfo.InvariantCulture,
            $"Linear probe: {EpochTable.Percent(probe.Top1)}{top5} of {probe.TestImages:N0} images ({Certainty(probe.Top1, probe.TestImages, probe.BalancedAccuracy)}), trained on {probe.TrainImages:N0} in {probe.Seconds:0.0} s");
        bool rateAlone = request.LinearLearningRate is null && request.LinearWeightDecay is not null; // is chosen
        string chosen = probe.ValidationImages > 0 ? string.Create(CultureInfo.InvariantCulture, $", chosen on {probe.ValidationImages:N0} of them")
            : request.LinearLearningRate is not null ? "" : $", the usual {(rateAlone ? "one" : "ones")}: {LabelDraw.TooFew}";
        yield return string.Create(CultureInfo.InvariantCulture,
            $"  learning rate {probe.Settings.LearningRate}{(rateAlone ? $"{chosen};" : ",")} weight decay {probe.Settings.WeightDecay}{(rateAlone ? "" : chosen)}{(probe.Augmented ? "; random crops and flips" : "")}");
        // Of many classes those that are told worst: somebody has to look at them.
        bool many = probe.PerClass.Count > AccuracyText.MostClasses;
        (string Name, ClassAccuracy Of)[] shown = [.. (many ? probe.PerClass.OrderBy(each => each.Accuracy).ThenByDescending(each => each.Images).Take(AccuracyText.MostClasses) : probe.PerClass).Select(each => (TextTable.ShortName(PlainText.Line(each.Name)), each))];
        int width = shown.Max(each => each.Name.Length);
        foreach (var (name, each) in shown)
            yield return string.Create(CultureInfo.InvariantCulture, $"  {name.PadRight(width)} {EpochTable.Percent(each.Accuracy),6} of {each.Images:N0} ({AccuracyText.Interval(each.Accuracy, each.Images)})");
        if (many) yield return string.Create(CultureInfo.InvariantCulture, $"  and {probe.PerClass.Count - shown.Length:N0} more classes, with the same or a higher accuracy; --json has the accuracy of each");
    }

    /// <summary>Between what an accuracy lies, and the balanced accuracy where it is another.</summary>
    private static string Certainty(double accuracy, long images, double balancedAccuracy) => AccuracyText.Certainty(accuracy, images) + AccuracyText.OverClasses(accuracy, balancedAccuracy);

    private static void Write(Utf8JsonWriter writer, LinearProbeResult probe, RunEvaluationOptions request)
    {
        writer.WriteNumber("linear", probe.Top1);
        AccuracyText.WriteInterval(writer, "linear_", probe.Top1, probe.TestImages);
        writer.WriteNumber("linear_balanced_accuracy", probe.BalancedAccuracy);
        if (probe.Top5 is { } top5) writer.WriteNumber("linear_top5", top5);
        writer.WriteNumber("linear_seconds", probe.Seconds);
        writer.WriteNumber("linear_lr", probe.Settings.LearningRate);
        writer.WriteNumber("linear_weight_decay", probe.Settings.WeightDecay);
        writer.WriteNumber("linear_validation_images", probe.ValidationImages);
        writer.WriteBoolean("linear_augmented", probe.Augmented);
        writer.WriteString("linear_protocol", LinearProbe.Protocol(probe.Settings, probe.Augmented, probe.ValidationImages, decayGiven: request.LinearWeightDecay is not null));
        writer.WriteStartArray("linear_per_class");
        foreach (var each in probe.PerClass)
        {
            writer.WriteStartObject();
            writer.WriteString("class", each.Name);
            writer.WriteNumber("images", each.Images);
            writer.WriteNumber("accuracy", each.Accuracy);
            AccuracyText.WriteInterval(writer, "", each.Accuracy, each.Images);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (probe.Confusion is not { } matrix) return; // of too many classes
        writer.WriteStartArray("linear_confusion"); // a row for each class in the order of linear_classes, what its images are predicted as across
        foreach (var row in matrix.Counts)
        {
            writer.WriteStartArray();
            foreach (int count in row) writer.WriteNumberValue(count);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("linear_classes");
        foreach (string name in matrix.ClassNames) writer.WriteStringValue(name);
        writer.WriteEndArray();
    }
}
