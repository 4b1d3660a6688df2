using WclSharp.Data;
using WclSharp.Inference;

namespace WclSharp.Search;

/// <summary>What to index, with what, and where to.</summary>
public sealed record IndexOptions
{
    /// <summary>A run folder, an encoder's <c>.safetensors</c> file, or an ONNX file that <c>wcl export</c> wrote, which needs no libtorch.</summary>
    public required string Model { get; init; }

    /// <summary>Images, in any form that training takes; null is the source that the run read, where <see cref="Model"/> is a run folder, else the embedded data set.</summary>
    public string? Data { get; init; }

    /// <summary>
    /// CSV or TSV file of <c>path,label</c> that names the classes; null is the run's where its <see cref="Data"/> is taken, else the classes are those of the source.
    /// </summary>
    public string? Labels { get; init; }

    /// <summary>The file to write.</summary>
    public required string Out { get; init; }

    /// <summary>How numbers are stored.</summary>
    public IndexFormat Format { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto. An ONNX file computes on the CPU.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Decoding threads; 0 is one per core.</summary>
    public int Workers { get; init; }

    /// <summary>Share of unreadable images, 0 to 1, above which nothing is written.</summary>
    public double MaxBad { get; init; } = DatasetOptions.StandardMaxBad;

    /// <summary>Begin anew where the file was begun and not finished, instead of going on.</summary>
    public bool Restart { get; init; }
}
