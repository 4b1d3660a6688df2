using System.CommandLine;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Search;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl index RUN|MODEL.onnx</c>: a file of all images' vectors, for <c>wcl search</c>.</summary>
internal static class IndexCommand
{
    public static Command Create(Func<IndexOptions, IProgress<PretrainProgress>, CancellationToken, EmbedResult> index, TextWriter output, TextWriter error)
    {
        var command = new Command("index", "Write the features of every image of a source as an index that wcl search looks through");
        var model = new Argument<string>("RUN|MODEL.onnx") { Description = "Run folder, encoder.safetensors, or an ONNX file that wcl export wrote" };
        var file = OutputFile.Option("--out", "File to write", required: true);
        var format = new Option<string>("--format") { HelpName = "FORMAT", Description = "How numbers are stored: float32, fp16 (half the size) or int8 (a quarter, slightly rounded) [default: float32]" };
        command.Add(model);
        command.Add(file);
        command.Add(format);
        var options = new TableOptions(command)
            .Add("data", "those of RUN; the embedded Fashion-MNIST without a run", "Images to index; same forms as pretrain's")
            .Add("device", "auto", "cpu, cuda, cuda:N or auto; an ONNX file computes on the CPU")
            .Add("workers", "one per core", "Threads that decode")
            .Add("max-bad", PretrainOptionTable.Find("max-bad")!.DefaultText, "Share of unreadable images above which nothing is written");
        var restart = EmbedCommand.RestartOption();
        command.Add(restart);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var request = new IndexOptions
            {
                Model = parsed.GetRequiredValue(model),
                Data = given.Data,
                Out = parsed.GetRequiredValue(file),
                Format = ChoiceText.Parse<IndexFormat>(parsed.GetValue(format), "--format") ?? IndexFormat.Float32,
                Device = given.Device ?? ComputeDevice.Auto,
                Workers = given.Workers ?? 0,
                MaxBad = given.MaxBad ?? DatasetOptions.StandardMaxBad,
                Restart = parsed.GetValue(restart),
            };
            return Stoppable.Run(stop =>
            {
                var result = TerminalProgress.Run(output, progress => index(request, progress, stop));
                EmbedCommand.Print(result, output);
                output.WriteLine($"Next: wcl search IMAGE --index {RunReport.Quoted(RunReport.Shown(result.File))}");
            }, stopped: () => EmbedCommand.SayHowToGoOn(request.Out, request.Restart, error));
        });
        return command;
    }
}
