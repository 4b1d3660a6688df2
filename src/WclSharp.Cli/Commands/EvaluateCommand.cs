using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using WclSharp.Checkpoints;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Evaluation;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl evaluate RUN</c>: kNN accuracy of a finished run's encoder.</summary>
internal static class EvaluateCommand
{
    public static Command Create(Func<EvaluationRequest, IProgress<PretrainProgress>, CancellationToken, EvaluationResult> evaluate,
        TextWriter output, TextWriter error)
    {
        var run = new Argument<string>("RUN") { Description = "Run folder that wcl pretrain wrote" };
        var data = Text("--data", "PATH", "Training images with labels, whose neighbours vote [default: the run's]");
        var test = Text("--test", "PATH", "Held-out images with labels, which are classified [default: the run's]");
        var labels = Text("--labels", "CSV", "CSV or TSV file of path,label rows that names classes [default: the run's]");
        var neighbors = Text("--knn-k", "N", "Neighbours that vote [default: 200; 20 below 20,000 training images]");
        var device = Text("--device", "DEVICE", "cpu, cuda, cuda:N or auto [default: auto]");
        var json = Text("--json", "FILE", "Write the result as JSON too [default: none]");
        var command = new Command("evaluate", "Measure what a run's encoder has learned, by its nearest neighbours") { run, data, test, labels, neighbors, device, json };
        command.SetAction(parsed =>
        {
            // Parsed and checked as pretrain's are.
            var values = Parse(Parse(new PretrainOptions(), "knn-k", parsed.GetValue(neighbors)), "device", parsed.GetValue(device));
            var request = new EvaluationRequest(parsed.GetRequiredValue(run), parsed.GetValue(data), parsed.GetValue(test), parsed.GetValue(labels),
                values.KnnK, values.Device);
            using var signals = new StopSignals(_ => { });
            try
            {
                var outcome = TerminalProgress.Run(output, progress => evaluate(request, progress, signals.Token));
                Report(outcome, output);
                if (parsed.GetValue(json) is { } file) AtomicFile.Write(file, stream => stream.Write(ToJson(request, outcome)));
                return ExitCodes.Done;
            }
            catch (OperationCanceledException) when (signals.ExitCode is not null)
            {
                return signals.ExitCode.Value;
            }
        });
        return command;
    }

    private static PretrainOptions Parse(PretrainOptions options, string name, string? text) =>
        text is null ? options : PretrainOptionTable.Find(name)!.Parse(options, text);

    private static void Report(EvaluationResult outcome, TextWriter output) => output.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"kNN accuracy after epoch {outcome.Epoch}: {EpochTable.Percent(outcome.Knn)} of {outcome.TestImages:N0} images, by the {outcome.KnnK} nearest of {outcome.TrainImages:N0}, in {outcome.Seconds:0.0} s"));

    private static byte[] ToJson(EvaluationRequest request, EvaluationResult outcome)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("run", request.Run);
            writer.WriteNumber("epoch", outcome.Epoch);
            writer.WriteNumber("knn", outcome.Knn);
            writer.WriteNumber("knn_k", outcome.KnnK);
            writer.WriteNumber("train_images", outcome.TrainImages);
            writer.WriteNumber("test_images", outcome.TestImages);
            writer.WriteNumber("seconds", outcome.Seconds);
            writer.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    private static Option<string> Text(string name, string placeholder, string description) => new(name) { HelpName = placeholder, Description = description };
}
