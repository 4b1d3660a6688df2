using System.CommandLine;
using System.Globalization;
using WclSharp.Cli.Terminal;
using WclSharp.Configuration;
using WclSharp.Embedding;
using WclSharp.Training;

namespace WclSharp.Cli.Commands;

/// <summary>What <c>wcl embed</c>, <c>wcl index</c> and <c>wcl classify</c> have in common: a pass over all images of a source that goes on where it was stopped.</summary>
internal sealed class EmbeddingPass
{
    private readonly Argument<string> model;
    private readonly Option<string> file;
    private readonly Option<bool> restart = new("--restart") { Description = "Begin anew where FILE was begun and not finished, instead of going on [default: off]" };
    private readonly TableOptions options;

    /// <param name="command">The command that the options are added to.</param>
    /// <param name="model">What does it.</param>
    /// <param name="file">The <c>--out</c>.</param>
    /// <param name="verb">What is done with the images, for help.</param>
    /// <param name="dataDefault">The images without <c>--data</c>, for help.</param>
    /// <param name="own">Options of the command's own.</param>
    public EmbeddingPass(Command command, Argument<string> model, Option<string> file, string verb, string dataDefault, params ReadOnlySpan<Option> own)
    {
        (this.model, this.file) = (model, file);
        command.Add(model);
        command.Add(file);
        foreach (var option in own) command.Add(option);
        options = new TableOptions(command)
            .Add("data", dataDefault, $"Images to {verb}; same forms as pretrain's")
            .Add("labels", "the run's; none with --data", "CSV or TSV list of path,label that names the classes, in place of the images' own")
            .Add("device", "auto", "cpu, cuda, cuda:N or auto; an ONNX file computes on the CPU")
            .Add("precision", "fp32", "Number format of the convolutions; bf16 moves features by some thousandths (bf16-fast is the same here), auto takes it where it is faster; an ONNX file computes as it was exported")
            .Add("workers", "one per core", "Threads that decode")
            .Add("max-bad", PretrainOptionTable.Find("max-bad")!.DefaultText, "Share of unreadable images above which nothing is written");
        command.Add(restart);
    }

    /// <summary>Of features: by a run or an ONNX file.</summary>
    public static EmbeddingPass OfFeatures(Command command, string fileDescription, string verb, params ReadOnlySpan<Option> own) => new(command,
        new Argument<string>("RUN|MODEL.onnx") { Description = "Run folder, encoder.safetensors, or an ONNX file that wcl export wrote" },
        OutputFile.Option("--out", fileDescription, required: true, isRenamed: true), verb, "those of RUN; the embedded Fashion-MNIST without a run", own);

    /// <summary>The model that a command line names.</summary>
    public string Model(ParseResult parsed) => parsed.GetRequiredValue(model);

    /// <summary>The file that it names.</summary>
    public string Out(ParseResult parsed) => parsed.GetRequiredValue(file);

    /// <summary>What else a command line asks for, in place of what options say.</summary>
    /// <typeparam name="T">The command's options.</typeparam>
    /// <exception cref="WclUsageException">A value is wrong.</exception>
    public T Apply<T>(ParseResult parsed, T request) where T : ImagePassOptions
    {
        var given = options.Apply(parsed, new PretrainOptions());
        return (T)((ImagePassOptions)request with
        {
            Data = given.Data,
            Labels = given.Labels,
            Device = given.Device ?? request.Device,
            Precision = options.IsGiven(parsed, "precision") ? given.Precision : request.Precision,
            Workers = given.Workers ?? request.Workers,
            MaxBad = given.MaxBad ?? request.MaxBad,
            Restart = parsed.GetValue(restart),
        });
    }

    /// <summary>Does the work, and says what was written and left out, or what is kept of work that was stopped.</summary>
    /// <typeparam name="T">The result.</typeparam>
    /// <param name="request">What was asked for.</param>
    /// <param name="work">The work.</param>
    /// <param name="print">Says what came of it.</param>
    /// <param name="output">Where to say it.</param>
    /// <param name="error">Where to say that it was stopped.</param>
    public static int Run<T>(ImagePassOptions request, Func<IProgress<RunProgress>, CancellationToken, T> work, Action<T> print, TextWriter output, TextWriter error) =>
        Stoppable.Run(stop => print(TerminalProgress.Run(output, error, progress => work(progress, stop))), stopped: () =>
        {
            string partial = PartialEmbeddings.FolderOf(request.Out);
            if (Directory.Exists(partial))
                error.WriteLine($"Stopped. What is done is kept in {RunReport.Shown(partial)}; the same command{(request.Restart ? " without --restart" : "")} goes on.");
        });

    /// <summary>Says what a table of features is.</summary>
    public static void Print(EmbedResult result, TextWriter output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Wrote {RunReport.Shown(result.File)}: {result.Images:N0} images of {result.FeatureSize} features, {(result.Images - result.Resumed) / result.Seconds:0} images/s in {result.Seconds:0.0} s{(result.Precision is null or "fp32" ? "" : $", computed in {result.Precision}")}"));
        foreach (string line in Lines(result.File, result.Source, result.Ignored, result.Resumed, result.BadImages)) output.WriteLine(line);
    }

    /// <summary>What the images were, and what of them is not new or not there.</summary>
    public static IEnumerable<string> Lines(string file, string source, long ignored, long kept, long badImages)
    {
        if (source.Length > 0) yield return $"Images: {source}";
        if (ignored > 0) yield return PretrainingData.PassedOver(ignored);
        if (kept > 0) yield return string.Create(CultureInfo.InvariantCulture, $"{kept:N0} of them were done before, by a command that was stopped");
        if (badImages > 0) yield return string.Create(CultureInfo.InvariantCulture, $"Left out {badImages:N0} images that could not be read; {RunReport.Shown(file)}.bad_images.csv says why");
    }
}
