using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Evaluation;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl evaluate RUN</c>: kNN accuracy of a run's encoder.</summary>
internal static class EvaluateCommand
{
    public static Command Create(Func<RunEvaluationOptions, IProgress<PretrainProgress>, CancellationToken, RunEvaluationResult> evaluate,
        TextWriter output, TextWriter error)
    {
        var command = new Command("evaluate", "Measure what a run's encoder has learned, by its nearest neighbours");
        var run = new Argument<string>("RUN") { Description = "Run folder that wcl pretrain wrote" };
        command.Add(run);
        var options = new TableOptions(command)
            .Add("data", "the run's", "Labelled images whose neighbours vote; same forms as pretrain's")
            .Add("test", "the run's, or a part of --data", "Labelled images to classify")
            .Add("labels", "the run's")
            .Add("knn-k", "200; 20 below 20,000 training images", "Neighbours that vote")
            .Add("device", "auto");
        var json = JsonFile.Option();
        command.Add(json);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var request = new RunEvaluationOptions
            {
                Run = parsed.GetRequiredValue(run),
                Data = given.Data,
                Test = given.Test,
                Labels = given.Labels,
                KnnK = given.KnnK,
                Device = given.Device,
            };
            using var signals = new StopSignals(_ => { }); // there is nothing to save
            try
            {
                var result = TerminalProgress.Run(output, progress => evaluate(request, progress, signals.Token));
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"kNN accuracy after epoch {result.Epoch}: {EpochTable.Percent(result.Knn)} of {result.TestImages:N0} images, by the {result.KnnK} nearest of {result.TrainImages:N0}, in {result.Seconds:0.0} s"));
                JsonFile.Write(parsed.GetValue(json), writer =>
                {
                    writer.WriteString("run", request.Run);
                    writer.WriteNumber("epoch", result.Epoch);
                    writer.WriteNumber("knn", result.Knn);
                    writer.WriteNumber("knn_k", result.KnnK);
                    writer.WriteNumber("train_images", result.TrainImages);
                    writer.WriteNumber("test_images", result.TestImages);
                    writer.WriteNumber("seconds", result.Seconds);
                });
                return ExitCodes.Done;
            }
            catch (OperationCanceledException) when (signals.ExitCode is not null)
            {
                return signals.ExitCode.Value;
            }
        });
        return command;
    }
}
