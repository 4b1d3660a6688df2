using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary><c>wcl embed RUN|MODEL.onnx</c>: a vector of every image, as a file.</summary>
internal static class EmbedCommand
{
    public static Command Create(Func<EmbedOptions, IProgress<PretrainProgress>, CancellationToken, EmbedResult> embed, TextWriter output, TextWriter error)
    {
        var command = new Command("embed", "Write the features of every image of a source, with its path and label");
        var model = new Argument<string>("RUN|MODEL.onnx") { Description = "Run folder, encoder.safetensors, or an ONNX file that wcl export wrote" };
        var file = OutputFile.Option("--out", "File to write: .npy (path and label in a .csv beside it), .csv or .parquet", required: true);
        command.Add(model);
        command.Add(file);
        var options = new TableOptions(command)
            .Add("data", "those of RUN; the embedded Fashion-MNIST without a run", "Images to embed; same forms as pretrain's")
            .Add("device", "auto", "cpu, cuda, cuda:N or auto; an ONNX file computes on the CPU")
            .Add("workers", "one per core", "Threads that decode")
            .Add("max-bad", PretrainOptionTable.Find("max-bad")!.DefaultText, "Share of unreadable images above which nothing is written");
        var restart = RestartOption();
        command.Add(restart);
        command.SetAction(parsed =>
        {
            var given = options.Apply(parsed, new PretrainOptions());
            var request = new EmbedOptions
            {
                Model = parsed.GetRequiredValue(model),
                Data = given.Data,
                Out = parsed.GetRequiredValue(file),
                Device = given.Device ?? ComputeDevice.Auto,
                Workers = given.Workers ?? 0,
                MaxBad = given.MaxBad ?? DatasetOptions.StandardMaxBad,
                Restart = parsed.GetValue(restart),
            };
            return Stoppable.Run(stop =>
            {
                var result = TerminalProgress.Run(output, progress => embed(request, progress, stop));
                Print(result, output);
            }, stopped: () => SayHowToGoOn(request.Out, request.Restart, error));
        });
        return command;
    }

    /// <summary>The option that begins anew; wcl index has it too, since the same pass writes an index.</summary>
    public static Option<bool> RestartOption() =>
        new("--restart") { Description = "Begin anew where FILE was begun and not finished, instead of going on [default: off]" };

    /// <summary>Says what is kept of work that was stopped.</summary>
    public static void SayHowToGoOn(string file, bool restarted, TextWriter error)
    {
        if (Directory.Exists(PartialEmbeddings.FolderOf(file)))
            error.WriteLine($"Stopped. What is embedded is kept in {RunReport.Shown(PartialEmbeddings.FolderOf(file))}; the same command{(restarted ? " without --restart" : "")} goes on.");
    }

    /// <summary>Says what was written, and what was left out.</summary>
    public static void Print(EmbedResult result, TextWriter output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Wrote {RunReport.Shown(result.File)}: {result.Images:N0} images of {result.FeatureSize} features, {(result.Images - result.Kept) / result.Seconds:0} images/s in {result.Seconds:0.0} s"));
        if (result.Source.Length > 0) output.WriteLine($"Images: {result.Source}");
        if (result.Ignored > 0) output.WriteLine(PretrainingData.PassedOver(result.Ignored));
        if (result.Kept > 0) output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Kept:N0} of them were embedded before, by a command that was stopped"));
        if (result.BadImages > 0)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Left out {result.BadImages:N0} images that could not be read; {RunReport.Shown(result.File)}.bad_images.csv says why"));
    }
}
