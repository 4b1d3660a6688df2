using System.CommandLine;
using WclSharp.Cli.Terminal;
using WclSharp.Embedding;
using WclSharp.Inference;
using WclSharp.Search;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl index RUN|MODEL.onnx</c>: a file of all images' vectors, for <c>wcl search</c>.</summary>
internal static class IndexCommand
{
    public static Command Create(Func<IndexOptions, IProgress<RunProgress>, CancellationToken, EmbedResult> index, TextWriter output, TextWriter error)
    {
        var command = new Command("index", "Write the features of every image of a source as an index that wcl search looks through");
        var format = new Option<string>("--format") { HelpName = "FORMAT", Description = "How numbers are stored: float32, fp16 (half the size) or int8 (a quarter, slightly rounded) [default: float32]" };
        var pass = EmbeddingPass.OfFeatures(command, "File to write", "index", format);
        command.SetAction(parsed =>
        {
            var request = pass.Apply(parsed, new IndexOptions
            {
                Model = pass.Model(parsed),
                Out = pass.Out(parsed),
                Format = ChoiceText.Parse<IndexFormat>(parsed, format) ?? IndexFormat.Float32,
            });
            return EmbeddingPass.Run(request, (progress, stop) => index(request, progress, stop), result =>
            {
                EmbeddingPass.Print(result, output);
                output.WriteLine($"Next: wcl search IMAGE --index {RunReport.Quoted(RunReport.Shown(result.File))}");
            }, output, error);
        });
        return command;
    }
}
