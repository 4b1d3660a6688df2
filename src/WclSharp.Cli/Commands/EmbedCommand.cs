using System.CommandLine;
using WclSharp.Embedding;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl embed RUN|MODEL.onnx</c>: a vector of every image, as a file.</summary>
internal static class EmbedCommand
{
    public static Command Create(Func<EmbedOptions, IProgress<RunProgress>, CancellationToken, EmbedResult> embed, TextWriter output, TextWriter error)
    {
        var command = new Command("embed", "Write the features of every image of a source, with its path and label");
        var pass = EmbeddingPass.OfFeatures(command, "File to write: .npy (path and label in a .csv beside it), .csv or .parquet", "embed");
        command.SetAction(parsed =>
        {
            var request = pass.Apply(parsed, new EmbedOptions { Model = pass.Model(parsed), Out = pass.Out(parsed) });
            return EmbeddingPass.Run(request, (progress, stop) => embed(request, progress, stop), result => EmbeddingPass.Print(result, output), output, error);
        });
        return command;
    }
}
