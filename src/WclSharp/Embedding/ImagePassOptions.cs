using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Training;

namespace WclSharp.Embedding;

/// <summary>What a pass over all images of a source has in common, whatever is made of them: which images, where to, and how. A pass that was stopped goes on when it is asked for again.</summary>
public abstract record ImagePassOptions
{
    private protected ImagePassOptions() { }

    /// <summary>
    /// Images, in any form that training takes; null is the source that the run read, all of it, where the model is a run folder. Without a run it is the embedded data set, which is
    /// not classified.
    /// </summary>
    public string? Data { get; init; }

    /// <summary>
    /// CSV or TSV file of <c>path,label</c> that names the classes where they are known; null is the run's where its <see cref="Data"/> is taken, else the classes are those of the source.
    /// </summary>
    public string? Labels { get; init; }

    /// <summary>The file to write.</summary>
    public required string Out { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto. An ONNX file computes on the CPU.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>
    /// Number format of the convolutions of an encoder or classifier that is no ONNX file: float32, bfloat16 (<see cref="ComputePrecision.Bf16Fast"/> is the same here), which moves features by
    /// some thousandths of their length, or whichever the device is faster at. What is written is float32. An ONNX file computes as it was exported.
    /// </summary>
    public ComputePrecision Precision { get; init; } = ComputePrecision.Fp32;

    /// <summary>Decoding threads, up to 1,024; 0 is one per core.</summary>
    public int Workers { get; init; }

    /// <summary>Share of unreadable images, 0 to 1, above which nothing is written. Default: 0.01.</summary>
    public double MaxBad { get; init; } = DatasetOptions.StandardMaxBad;

    /// <summary>Begin anew where the file was begun and not finished, instead of going on.</summary>
    public bool Restart { get; init; }

    /// <exception cref="WclUsageException">A text is empty.</exception>
    internal virtual void Validate()
    {
        GivenOption.RequirePath(Out, "--out", "name a file");
        GivenOption.RequireMember<ComputePrecision>(Precision, "--precision");
        GivenOption.RequirePaths(("--data", Data), ("--labels", Labels));
    }
}
