using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Distillation;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl distill TEACHER</c>: teaches a network what a fine-tuned classifier says of images without labels.</summary>
internal static class DistillCommand
{
    public static Command Create(Func<DistillOptions, IProgress<RunProgress>, CancellationToken, DistillResult> distill, TextWriter output, TextWriter error)
    {
        var command = new Command("distill", "Distil a fine-tuned classifier into the same or a smaller network, on images with or without labels");
        var defaults = new DistillOptions { Teacher = "" };
        var teacher = new Argument<string>("TEACHER") { Description = "Run folder that was fine-tuned, folder of a fine-tuning, or classifier.safetensors" };
        command.Add(teacher);
        var options = new TableOptions(command)
            .Add("data", "the run's; needed with a file", "Training images, labelled or not; same forms as pretrain's")
            .Add("test", "the run's; none with --data", "Labelled test images")
            .Add("labels", "the run's; none with --data", "CSV or TSV list of path,label for --label-mix")
            .Add("limit", "all", "Train on a random subset of this many images, drawn by --seed; test images are not trained on")
            .Add("init", "random", "Weights that the student's encoder starts with: a run folder, or a .safetensors or PyTorch .pth file")
            .Add("epochs", Shown(defaults.Epochs), "Passes over the images", NumberRange.Epochs).Add("batch", Shown(defaults.Batch), "Images per step").Add("lr", Shown(defaults.LearningRate))
            .Add("weight-decay", Shown(defaults.WeightDecay), "L2 weight decay").Add("temperature", Shown(defaults.Temperature), "Temperature of both networks' probabilities; above 1 softens them. The teacher's loss is multiplied by its square");
        var arch = new Option<string>("--student", "--arch") { HelpName = "ARCH", Description = "Student's network: resnet18, resnet34, resnet50 or resnet101 [default: the teacher's]" };
        command.Add(arch);
        options.Add("width", "the teacher's", "Student's width; 64 is standard");
        var mix = NumberOption.Real("--label-mix", "Share of the loss that is cross-entropy with the labels of --data or --labels", DistillOptions.LabelMixRange, "0");
        command.Add(mix);
        options.Add("seed", "0", "Seed of what --limit draws, order, augmentation and weights").Add("device", "auto")
            .Add("out", $"{RunFolder.Distilled} beside the teacher", "Folder of the results; the same command resumes it");
        var json = JsonFile.Option();
        command.Add(json);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var request = new DistillOptions
            {
                Teacher = parsed.GetRequiredValue(teacher),
                Data = given.Data,
                Test = given.Test,
                Labels = given.Labels,
                Limit = given.Limit,
                Init = given.Init,
                Arch = ChoiceText.Parse<EncoderArch>(parsed, arch),
                Width = options.IsGiven(parsed, "width") ? given.Width : null,
                Epochs = given.Epochs ?? defaults.Epochs,
                Batch = given.Batch ?? defaults.Batch,
                LearningRate = given.LearningRate ?? defaults.LearningRate,
                WeightDecay = given.WeightDecay ?? defaults.WeightDecay,
                Temperature = options.IsGiven(parsed, "temperature") ? given.Temperature : defaults.Temperature,
                LabelMix = parsed.GetValue(mix) ?? defaults.LabelMix,
                Seed = given.Seed,
                Device = given.Device ?? ComputeDevice.Auto,
                Out = given.Out,
            };
            return Run(request, parsed.GetValue(json), distill, output, error);
        });
        return command;
    }

    private static int Run(DistillOptions request, string? json, Func<DistillOptions, IProgress<RunProgress>, CancellationToken, DistillResult> distill, TextWriter output, TextWriter error)
    {
        return Stoppable.Run(stop =>
        {
            var result = TerminalProgress.Run(output, error, progress => distill(request, progress, stop));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"Trained on {result.TrainImages:N0} images in {result.Epochs} epoch{(result.Epochs == 1 ? "" : "s")}, {result.Seconds:0} s; the last epoch's loss is {result.Loss:0.000}."));
            output.WriteLine(Line("Teacher", result.TeacherParameters, result.TeacherAccuracy, result.TeacherBalancedAccuracy, result.TestImages));
            output.WriteLine(Line("Student", result.StudentParameters, result.StudentAccuracy, result.StudentBalancedAccuracy, result.TestImages));
            if (result is { AccuracyDifference: { } difference, AccuracyDifferenceCi95Low: { } low, AccuracyDifferenceCi95High: { } high })
                output.WriteLine($"Student - teacher: {EpochTable.Points(difference, null)} points on the same images (95 % interval {EpochTable.Points(low, null)} to {EpochTable.Points(high, null)}).");
            if (result.StudentClasses.Count > 0)
            {
                output.WriteLine("The student by class:");
                foreach (string line in ClassCounts.Lines(result.StudentClasses, result.TestImages, known: true)) output.WriteLine(line);
            }
            output.WriteLine($"They agree on {EpochTable.Percent(result.Agreement)} of the {(result.TestImages > 0 ? "test" : "training")} images.");
            output.WriteLine($"Classifier: {RunReport.Shown(result.ClassifierFile)}");
            output.WriteLine($"Next:       wcl classify {RunReport.Quoted(RunReport.Shown(result.Folder))} --data IMAGES --out classes.csv");
            JsonFile.Write(json, result, DistillJson.Default.DistillResult);
        }, error.WriteLine, () => error.WriteLine("Stopped. Finished epochs are saved; run the same command again to resume."));
    }

    private static string Line(string name, long parameters, double? accuracy, double? balancedAccuracy, long images) => string.Create(CultureInfo.InvariantCulture,
        $"{name}: {parameters / 1e6:0.00} million parameters{(accuracy is { } share ? FormattableString.Invariant($", {EpochTable.Percent(share)} of {images:N0} test images right{AccuracyText.OverClasses(share, balancedAccuracy)}") : "")}");

    private static string Shown(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
