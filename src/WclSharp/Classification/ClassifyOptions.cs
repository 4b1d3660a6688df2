using WclSharp.Configuration;
using WclSharp.Data;

namespace WclSharp.Classification;

/// <summary>What to classify, with what, and where to.</summary>
public sealed record ClassifyOptions
{
    /// <summary>
    /// A <c>classifier.safetensors</c> that <c>wcl finetune</c> or <c>wcl distill</c> wrote, its folder, the folder of a run that was fine-tuned, or an ONNX file that
    /// <c>wcl export</c> wrote of one, which needs no libtorch.
    /// </summary>
    public required string Classifier { get; init; }

    /// <summary>Images, in any form that training takes; null is the source that the run read, all of it, where <see cref="Classifier"/> is a run folder, and else refused.</summary>
    public string? Data { get; init; }

    /// <summary>
    /// CSV or TSV file of <c>path,label</c> that names the classes where they are known; null is the run's where its <see cref="Data"/> is taken, else they are those of the source.
    /// </summary>
    public string? Labels { get; init; }

    /// <summary>The file to write, which ends in <c>.csv</c>: <c>path,label,class,probability</c> an image, the label being what was known.</summary>
    public required string Out { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto. An ONNX file computes on the CPU.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Decoding threads; 0 is one per core.</summary>
    public int Workers { get; init; }

    /// <summary>Share of unreadable images, 0 to 1, above which nothing is written.</summary>
    public double MaxBad { get; init; } = DatasetOptions.StandardMaxBad;

    /// <summary>Begin anew where the file was begun and not finished, instead of going on.</summary>
    public bool Restart { get; init; }

    /// <exception cref="WclUsageException">A text is empty, or the file's ending is another.</exception>
    internal void Validate()
    {
        GivenOption.RequireText(Classifier, "CLASSIFIER", "name a classifier.safetensors, its folder, a run that was fine-tuned, or an ONNX file that wcl export wrote");
        GivenOption.RequireText(Out, "--out", "name a file");
        GivenOption.RequireNotEmpty(("--data", Data), ("--labels", Labels));
        if (!Path.GetExtension(Out).Equals(".csv", StringComparison.OrdinalIgnoreCase)) throw new WclUsageException($"--out {Out} does not end in .csv, which is what is written; name a file that does.");
    }
}
