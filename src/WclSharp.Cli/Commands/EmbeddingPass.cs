using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Embedding;
using WclSharp.Native;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary>What <c>wcl embed</c> and <c>wcl index</c> have in common: a pass over all images of a source that goes on where it was stopped.</summary>
internal sealed class EmbeddingPass
{
    private readonly Argument<string> model = new("RUN|MODEL.onnx") { Description = "Run folder, encoder.safetensors, or an ONNX file that wcl export wrote" };
    private readonly Option<string> file;
    private readonly Option<bool> restart = new("--restart") { Description = "Begin anew where FILE was begun and not finished, instead of going on [default: off]" };
    private readonly TableOptions options;

    /// <param name="command">The command that the options are added to.</param>
    /// <param name="fileDescription">What <c>--out</c> is, for help.</param>
    /// <param name="verb">What is done with the images, for help.</param>
    /// <param name="own">Options of the command's own.</param>
    public EmbeddingPass(Command command, string fileDescription, string verb, params ReadOnlySpan<Option> own)
    {
        file = OutputFile.Option("--out", fileDescription, required: true);
        command.Add(model);
        command.Add(file);
        foreach (var option in own) command.Add(option);
        options = new TableOptions(command)
            .Add("data", "those of RUN; the embedded Fashion-MNIST without a run", $"Images to {verb}; same forms as pretrain's")
            .Add("labels", "the run's; none with --data", "CSV or TSV list of path,label that names the classes, in place of the images' own")
            .Add("device", "auto", "cpu, cuda, cuda:N or auto; an ONNX file computes on the CPU")
            .Add("workers", "one per core", "Threads that decode")
            .Add("max-bad", PretrainOptionTable.Find("max-bad")!.DefaultText, "Share of unreadable images above which nothing is written");
        command.Add(restart);
    }

    /// <summary>What a command line asks for.</summary>
    /// <exception cref="WclUsageException">A value is wrong.</exception>
    public EmbedOptions Request(ParseResult parsed)
    {
        var given = options.Apply(parsed, new PretrainOptions());
        return new EmbedOptions
        {
            Model = parsed.GetRequiredValue(model),
            Data = given.Data,
            Labels = given.Labels,
            Out = parsed.GetRequiredValue(file),
            Device = given.Device ?? ComputeDevice.Auto,
            Workers = given.Workers ?? 0,
            MaxBad = given.MaxBad ?? DatasetOptions.StandardMaxBad,
            Restart = parsed.GetValue(restart),
        };
    }

    /// <summary>Does the work, and says what was written and left out, or what is kept of work that was stopped.</summary>
    /// <param name="request">What was asked for.</param>
    /// <param name="work">The work.</param>
    /// <param name="output">Where to say it.</param>
    /// <param name="error">Where to say that it was stopped.</param>
    /// <param name="next">What to do with the file, as a line; null for none.</param>
    public static int Run(EmbedOptions request, Func<IProgress<RunProgress>, CancellationToken, EmbedResult> work, TextWriter output, TextWriter error, Func<EmbedResult, string>? next = null) =>
        Stoppable.Run(stop =>
        {
            var result = TerminalProgress.Run(output, error, progress => work(progress, stop));
            Print(result, output);
            if (next is not null) output.WriteLine(next(result));
        }, stopped: () =>
        {
            string partial = PartialEmbeddings.FolderOf(request.Out);
            if (Directory.Exists(partial))
                error.WriteLine($"Stopped. What is embedded is kept in {RunReport.Shown(partial)}; the same command{(request.Restart ? " without --restart" : "")} goes on.");
        });

    private static void Print(EmbedResult result, TextWriter output)
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
