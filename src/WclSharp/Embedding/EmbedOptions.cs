using WclSharp.Configuration;

namespace WclSharp.Embedding;

/// <summary>
/// What to embed, with what, and where to. The ending of <see cref="ImagePassOptions.Out"/> says the form. <c>.npy</c>: float32 [N, F], with path and label in a <c>.csv</c> beside it.
/// <c>.csv</c>: a row of path, label and numbers an image. <c>.parquet</c>: columns path, label (null where there is none) and features, a list of float32.
/// </summary>
public sealed record EmbedOptions : ImagePassOptions
{
    /// <summary>A run folder, an encoder's <c>.safetensors</c> file, or an ONNX file that <c>wcl export</c> wrote, which needs no libtorch.</summary>
    public required string Model { get; init; }

    internal override void Validate()
    {
        base.Validate();
        RequireModel(Model);
    }

    /// <exception cref="WclUsageException">It is empty.</exception>
    internal static void RequireModel(string model) => GivenOption.RequirePath(model, "MODEL", "name a run folder, an encoder's .safetensors file or an ONNX file that wcl export wrote");
}

/// <summary>What was embedded.</summary>
public sealed record EmbedResult
{
    /// <summary>The file.</summary>
    public required string File { get; init; }

    /// <summary>Rows in it, in the order of the source.</summary>
    public required long Images { get; init; }

    /// <summary>Numbers in a row.</summary>
    public required int FeatureSize { get; init; }

    /// <summary>The format of the convolutions, fp32 or bf16; null for an ONNX file, which computes as it was exported.</summary>
    public string? Precision { get; init; }

    /// <summary>Images that could not be read and were left out; <c>FILE.bad_images.csv</c> lists them.</summary>
    public required long BadImages { get; init; }

    /// <summary>Seconds it took.</summary>
    public required double Seconds { get; init; }

    /// <summary>Rows that were embedded before, by a call that was stopped.</summary>
    public long Resumed { get; init; }

    /// <summary>Other files of the source, which are no images that can be read, by their names.</summary>
    public long Ignored { get; init; }

    /// <summary>What the images were read from, for people.</summary>
    public string Source { get; init; } = "";
}
