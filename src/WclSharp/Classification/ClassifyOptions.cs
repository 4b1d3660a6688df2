using WclSharp.Configuration;
using WclSharp.Embedding;

namespace WclSharp.Classification;

/// <summary>
/// What to classify, with what, and where to: a file that ends in <c>.csv</c>, <c>path,label,class,probability</c> an image, the label being what was known. Where
/// <see cref="Classifier"/> is not a run folder, <see cref="ImagePassOptions.Data"/> has to be named.
/// </summary>
public sealed record ClassifyOptions : ImagePassOptions
{
    /// <summary>
    /// A <c>classifier.safetensors</c> that <c>wcl finetune</c> or <c>wcl distill</c> wrote, its folder, the folder of a run that was fine-tuned, or an ONNX file that
    /// <c>wcl export</c> wrote of one, which needs no libtorch.
    /// </summary>
    public required string Classifier { get; init; }

    /// <summary>Write a column <c>p(NAME)</c> for each class, with its probability: to sort by one class, or to set a threshold of one's own.</summary>
    public bool AllProbabilities { get; init; }

    internal override void Validate()
    {
        base.Validate();
        GivenOption.RequirePath(Classifier, "CLASSIFIER", "name a classifier.safetensors, its folder, a run that was fine-tuned, or an ONNX file that wcl export wrote");
        if (!Path.GetExtension(Out).Equals(".csv", StringComparison.OrdinalIgnoreCase)) throw new WclUsageException($"--out {Out} does not end in .csv, which is what is written; name a file that does.");
    }
}
