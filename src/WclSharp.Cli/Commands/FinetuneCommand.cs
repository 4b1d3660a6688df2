using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Evaluation;
using WclSharp.FineTuning;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl finetune RUN</c>: what a few labels give, against training from scratch.</summary>
internal static class FinetuneCommand
{
    public static Command Create(Func<FineTuneOptions, IProgress<RunProgress>, CancellationToken, FineTuneResult> finetune, TextWriter output, TextWriter error)
    {
        var command = new Command("finetune", "Train a classifier from a run's encoder with few labels, beside one from scratch");
        var defaults = new FineTuneOptions { Run = "" };
        var run = new Argument<string>("RUN") { Description = "Run folder that wcl pretrain wrote" };
        command.Add(run);
        var options = new TableOptions(command)
            .Add("data", "the run's", "Images to train on, with classes or with --labels; same forms as pretrain's")
            .Add("test", "without --data the run's, else a part of --data", "Labelled test images")
            .Add("labels", "the run's; none with --data", "CSV or TSV list of path,label; all that is not held out as test images is trained on, unless a number of labels is given");
        Option<string> Text(string name, string placeholder, string description, NumberRange range, string shown)
        {
            var option = new Option<string>(name) { HelpName = placeholder, Description = NumberOption.Describe(description, range, shown) };
            command.Add(option);
            return option;
        }

        var fractions = Text("--label-fraction", "A,B,C", "Fractions of all labels to train with, spread evenly: as many of each class as of any other, as far as they reach", FineTuneOptions.FractionRange, $"{Shown(FineTuneRecipe.UsualFractions, ",")} without --labels");
        var perClass = Text("--labels-per-class", "A,B,C", "Numbers of labels of each class to train with", FineTuneOptions.CountRange, "none");
        var draws = Text("--draws", "N", "Times that the labels are drawn anew", FineTuneOptions.CountRange, Shown(defaults.Draws));
        var epochs = Text("--epochs", "N", "Passes over the labels", FineTuneOptions.CountRange, $"{FineTuneRecipe.UsualEpochs}, or what makes {FineTuneRecipe.LeastSteps} steps of {FineTuneRecipe.Batch} images");
        var rate = Text("--lr", "X", "Peak learning rate of the encoder", FineTuneOptions.RateRange, $"{FirstOrBest(FineTuneRecipe.EncoderRates)} on {LabelDraw.HeldOutShare} of the labels where half of them or more are of classes with {LabelDraw.LeastToHoldOutFrom}");
        var headRate = Text("--head-lr", "X", "Peak learning rate of the classifier on top", FineTuneOptions.RateRange, Shown(defaults.HeadLearningRate));
        var scratchRate = Text("--scratch-lr", "X", "Peak learning rate from scratch", FineTuneOptions.RateRange, $"{FirstOrBest(FineTuneRecipe.ScratchRates)} likewise");
        var verticalFlip = Text("--vertical-flip", "X", "Probability of a vertical flip in training; 0.5 where images have no up or down", FineTuneOptions.ProbabilityRange, Shown(defaults.VerticalFlip));
        var rotation = Text("--rotation", "X", "Probability of a rotation by 90, 180 or 270 degrees in training; 0.75 where images have no up or down", FineTuneOptions.ProbabilityRange, Shown(defaults.Rotation));
        var fromHead = new Option<bool>("--from-head") { Description = "Keep the first layer of the instance head, as SimCLRv2 does [default: off]" };
        var noScratch = new Option<bool>("--no-scratch") { Description = "Do not train from scratch beside it [default: off]" };
        command.Add(fromHead);
        command.Add(noScratch);
        options.Add("seed", "the run's", "Seed of the draws and of training").Add("device", "auto")
            .Add("out", $"{RunFolder.FineTuning} in RUN", "Folder of the results; the same command resumes it");
        var json = JsonFile.Option();
        command.Add(json);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            bool seeded = options.IsGiven(parsed, "seed");
            var request = new FineTuneOptions
            {
                Run = parsed.GetRequiredValue(run),
                Data = given.Data,
                Test = given.Test,
                Labels = given.Labels,
                LabelFractions = Numbers(parsed.GetValue(fractions), "--label-fraction", NumberOption.ParseReal),
                LabelsPerClass = Numbers(parsed.GetValue(perClass), "--labels-per-class", NumberOption.ParseInteger),
                Draws = Number(parsed.GetValue(draws), "--draws", NumberOption.ParseInteger) ?? defaults.Draws,
                Epochs = Number(parsed.GetValue(epochs), "--epochs", NumberOption.ParseInteger),
                EncoderLearningRate = Number(parsed.GetValue(rate), "--lr", NumberOption.ParseReal),
                HeadLearningRate = Number(parsed.GetValue(headRate), "--head-lr", NumberOption.ParseReal) ?? defaults.HeadLearningRate,
                ScratchLearningRate = Number(parsed.GetValue(scratchRate), "--scratch-lr", NumberOption.ParseReal),
                VerticalFlip = Number(parsed.GetValue(verticalFlip), "--vertical-flip", NumberOption.ParseReal) ?? defaults.VerticalFlip,
                Rotation = Number(parsed.GetValue(rotation), "--rotation", NumberOption.ParseReal) ?? defaults.Rotation,
                FromHead = parsed.GetValue(fromHead),
                Scratch = !parsed.GetValue(noScratch),
                Seed = seeded ? given.Seed : null,
                Device = given.Device ?? ComputeDevice.Auto,
                Out = given.Out,
            };
            return Run(request, parsed.GetValue(json), finetune, output, error);
        });
        return command;
    }

    private static int Run(FineTuneOptions request, string? json, Func<FineTuneOptions, IProgress<RunProgress>, CancellationToken, FineTuneResult> finetune,
        TextWriter output, TextWriter error)
    {
        return Stoppable.Run(stop =>
        {
            var result = TerminalProgress.Run(output, error, progress => finetune(request, progress, stop));
            foreach (string line in result.Table) output.WriteLine(line);
            output.WriteLine();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"Accuracy on {result.TestImages:N0} test images, {Meaning(request, result.Rows)}; kNN and linear probe on the frozen encoder."));
            if (result.Rows.Where(row => row.ValidationLabels == 0).Select(row => row.Labels.ToString("N0", CultureInfo.InvariantCulture)).ToArray() is { Length: > 0 } unchosen)
                output.WriteLine($"With {string.Join(" and ", unchosen)} labels the learning rate and the stopping step are the defaults, not chosen on held-out labels: {LabelDraw.TooFew}.");
            if (result.Rows.Any(row => row.ScratchDifferenceCi95 is not null))
                output.WriteLine("The difference from scratch is the mean over draws, in percentage points: where its interval excludes 0, pretraining made a difference on these test images.");
            if (OverClasses(result.Rows) is { } overClasses) output.WriteLine(overClasses);
            if (result.Rows.Any(row => row.DrawsOverlap))
                output.WriteLine("Draws of more than a tenth of all labels have many in common, so that their intervals are too narrow for other labels of the kind, the more so the larger the share.");
            output.WriteLine($"All draws share the test images; on others of the kind the last row's {OtherImages(result)}.");
            if (result.Classifier is { } kept)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The saved classifier, of the first draw of {kept.Labels:N0} labels, gets {EpochTable.Percent(kept.Accuracy)} of them right:"));
                foreach (string line in ClassCounts.Lines(kept.Classes, result.TestImages, known: true)) output.WriteLine(line);
            }
            output.WriteLine($"Results:    {RunReport.Shown(result.Folder)}");
            output.WriteLine($"Plot:       {RunReport.Shown(result.PlotFile)}");
            output.WriteLine($"Classifier: {RunReport.Shown(result.ClassifierFile)}");
            output.WriteLine($"Next:       wcl classify {RunReport.Quoted(RunReport.Shown(result.Folder))} --data IMAGES --out classes.csv");
            JsonFile.Write(json, result.Report, FineTuneJson.Default.FineTuneReport);
        }, error.WriteLine, () => error.WriteLine("Stopped. Finished draws are saved; run the same command again to resume."));
    }

    /// <summary>Accuracies in which a rare class counts as much as a frequent one; null where these are the accuracies themselves.</summary>
    private static string? OverClasses(IReadOnlyList<FineTuneRow> rows)
    {
        if (rows.All(row => AccuracyText.OverClasses(row.FinetuneMean, row.FinetuneBalancedAccuracy).Length == 0 && AccuracyText.OverClasses(row.ScratchMean ?? 0, row.ScratchBalancedAccuracy).Length == 0
            && AccuracyText.OverClasses(row.KnnMean, row.KnnBalancedAccuracy).Length == 0 && AccuracyText.OverClasses(row.LinearMean, row.LinearBalancedAccuracy).Length == 0)) return null;
        var each = rows.Where(row => row.FinetuneBalancedAccuracy is not null).Select(row => string.Create(CultureInfo.InvariantCulture,
            $"with {row.Labels:N0} labels fine-tuned {EpochTable.Percent(row.FinetuneBalancedAccuracy)}{(row.ScratchBalancedAccuracy is { } scratch ? $", from scratch {EpochTable.Percent(scratch)}" : "")}{(row is { KnnBalancedAccuracy: { } knn, LinearBalancedAccuracy: { } linear } ? $", kNN {EpochTable.Percent(knn)}, linear {EpochTable.Percent(linear)}" : "")}"));
        return $"Some classes have more test images than others. Balanced accuracy, in which every class counts equally: {string.Join("; ", each)}.";
    }

    /// <summary>How far other test images of the kind might lead, which no interval over draws says.</summary>
    private static string OtherImages(FineTuneResult result)
    {
        double accuracy = result.Rows[^1].FinetuneMean;
        return string.Create(CultureInfo.InvariantCulture, $"{EpochTable.Percent(accuracy)} could be anywhere from {AccuracyText.Interval(accuracy, result.TestImages)} (Wilson's 95 % interval)");
    }

    /// <summary>What the figures of the table are.</summary>
    private static string Meaning(FineTuneOptions request, IReadOnlyList<FineTuneRow> rows) => rows.Any(row => row.Draws > 1)
        ? $"mean over draws ± half-width of the 95 % confidence interval by Student's t (with all labels: over seeds of training; none where all draws gave the same figure, or there was one){Given(request, rows)}"
        : $"of {(rows.All(row => row.Fraction == 1) ? "one training on all labels" : "one draw of labels")}, from which others may be far (--draws 3 gives intervals)";

    /// <summary>What the intervals leave out, where anything was chosen.</summary>
    private static string Given(FineTuneOptions request, IReadOnlyList<FineTuneRow> rows)
    {
        if (rows.All(row => row.ValidationLabels == 0)) return "";
        bool rates = request.EncoderLearningRate is null || (request.Scratch && request.ScratchLearningRate is null);
        return $", given one choice of {(rates ? "rate and stop" : "when to stop")}, made on the first draw";
    }

    private static T? Number<T>(string? text, string option, Func<string, string, T> parse) where T : struct => text is null ? null : parse(text, option);

    private static T[] Numbers<T>(string? text, string option, Func<string, string, T> parse) => text is null ? [] : [.. ListText.Items(text, option).Select(item => parse(item, option))];

    private static string FirstOrBest(IReadOnlyList<double> rates) => $"{Shown(rates[0])}, or the best of {Shown(rates.Order(), ", ")}";

    private static string Shown(IEnumerable<double> numbers, string between) => string.Join(between, numbers.Select(number => Shown(number)));

    private static string Shown(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
