using WclSharp.Configuration;
using WclSharp.Data;

namespace WclSharp.Embedding;

/// <summary>What to embed, with what, and where to.</summary>
public sealed record EmbedOptions
{
    /// <summary>A run folder, an encoder's <c>.safetensors</c> file, or an ONNX file that <c>wcl export</c> wrote, which needs no libtorch.</summary>
    public required string Model { get; init; }

    /// <summary>Images, in any form that training takes; null is the source that the run read, all of it, where <see cref="Model"/> is a run folder, else the embedded data set.</summary>
    public string? Data { get; init; }

    /// <summary>
    /// CSV or TSV file of <c>path,label</c> that names the classes; null is the run's where its <see cref="Data"/> is taken, else the classes are those of the source.
    /// </summary>
    public string? Labels { get; init; }

    /// <summary>
    /// The file to write; its ending says the form. <c>.npy</c>: float32 [N, F], with path and label in a <c>.csv</c> beside it. <c>.csv</c>: a row of
    /// path, label and numbers an image. <c>.parquet</c>: columns path, label (null where there is none) and features, a list of float32.
    /// </summary>
    public required string Out { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto. An ONNX file computes on the CPU.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Decoding threads; 0 is one per core.</summary>
    public int Workers { get; init; }

    /// <summary>Share of unreadable images, 0 to 1, above which nothing is written.</summary>
    public double MaxBad { get; init; } = DatasetOptions.StandardMaxBad;

    /// <summary>Begin anew where the file was begun and not finished, instead of going on.</summary>
    public bool Restart { get; init; }

    /// <exception cref="WclUsageException">A text is empty.</exception>
    internal void Validate()
    {
        GivenOption.RequireText(Model, "MODEL", "name a run folder, an encoder's .safetensors file or an ONNX file that wcl export wrote");
        GivenOption.RequireText(Out, "--out", "name a file");
        GivenOption.RequireNotEmpty(("--data", Data), ("--labels", Labels));
    }
}

/// <summary>What was embedded.</summary>
/// <param name="File">The file.</param>
/// <param name="Images">Rows in it, in the order of the source.</param>
/// <param name="FeatureSize">Numbers in a row.</param>
/// <param name="BadImages">Images that could not be read and were left out; <c>FILE.bad_images.csv</c> lists them.</param>
/// <param name="Seconds">Seconds it took.</param>
public sealed record EmbedResult(string File, long Images, int FeatureSize, int BadImages, double Seconds)
{
    /// <summary>Rows that were embedded before, by a call that was stopped.</summary>
    public long Kept { get; init; }

    /// <summary>Other files of the source, which are no images that can be read, by their names.</summary>
    public long Ignored { get; init; }

    /// <summary>What the images were read from, for people.</summary>
    public string Source { get; init; } = "";
}
