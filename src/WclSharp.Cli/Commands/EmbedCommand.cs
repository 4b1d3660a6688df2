using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Embedding;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl embed RUN|MODEL.onnx</c>: a vector of every image, as a file.</summary>
internal static class EmbedCommand
{
    public static Command Create(Func<EmbedOptions, IProgress<PretrainProgress>, CancellationToken, EmbedResult> embed, TextWriter output)
    {
        var command = new Command("embed", "Write the features of every image of a source, with its path and label");
        var model = new Argument<string>("RUN|MODEL.onnx") { Description = "Run folder, encoder.safetensors, or an ONNX file that wcl export wrote" };
        var file = new Option<string>("--out") { HelpName = "FILE", Description = "File to write: .npy (path and label in a .csv beside it), .csv or .parquet", Required = true };
        command.Add(model);
        command.Add(file);
        var options = new TableOptions(command)
            .Add("data", "the embedded Fashion-MNIST", "Images to embed; same forms as pretrain's")
            .Add("device", "auto", "cpu, cuda, cuda:N or auto; an ONNX file computes on the CPU")
            .Add("workers", "one per core", "Threads that decode")
            .Add("max-bad", "0.01", "Share of unreadable images above which nothing is written");
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var request = new EmbedOptions
            {
                Model = parsed.GetRequiredValue(model),
                Data = given.Data,
                Out = parsed.GetRequiredValue(file),
                Device = given.Device,
                Workers = given.Workers ?? 0,
                MaxBad = given.MaxBad,
            };
            using var signals = new StopSignals(_ => { }); // there is nothing to save
            try
            {
                var result = TerminalProgress.Run(output, progress => embed(request, progress, signals.Token));
                Print(result, output);
                return ExitCodes.Done;
            }
            catch (OperationCanceledException) when (signals.ExitCode is not null)
            {
                return signals.ExitCode.Value;
            }
        });
        return command;
    }

    /// <summary>Says what was written, and what was left out; an index is written by the same pass.</summary>
    public static void Print(EmbedResult result, TextWriter output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Wrote {RunReport.Shown(result.File)}: {result.Images:N0} images of {result.FeatureSize} features, {result.Images / result.Seconds:0} images/s in {result.Seconds:0.0} s"));
        if (result.BadImages > 0)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Left out {result.BadImages:N0} images that could not be read; {RunReport.Shown(result.File)}.bad_images.csv says why"));
    }
}
