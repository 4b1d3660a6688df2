using WclSharp.Configuration;

namespace WclSharp.Export;

/// <summary>File formats that a network is exported in.</summary>
public enum ExportFormat
{
    /// <summary>ONNX, for ONNX Runtime and what is built on it; read by <see cref="Inference.OnnxEncoder"/>.</summary>
    Onnx,

    /// <summary>safetensors with torchvision's parameter names, as the run has it.</summary>
    Safetensors,

    /// <summary>A PyTorch state dict (<c>.pth</c>) with torchvision's parameter names, for <c>torch.load</c>.</summary>
    Torchvision,
}

/// <summary>Heads of a run.</summary>
public enum ExportHead
{
    /// <summary>That of the instance loss.</summary>
    Instance,

    /// <summary>That of the weak loss.</summary>
    Weak,
}

/// <summary>Numbers in an ONNX file. Input and outputs are float32 in each.</summary>
public enum ExportPrecision
{
    /// <summary>float32, as the network was trained.</summary>
    Fp32,

    /// <summary>Weights in half precision, which are made float32 when the file is loaded: half the size.</summary>
    Fp16,

    /// <summary>Weights and what goes from layer to layer in 8-bit integers, from ranges that are measured on images: a quarter of the size, and faster.</summary>
    Int8,
}

/// <summary>What to export, and where to.</summary>
public sealed record ExportOptions
{
    /// <summary>A run folder, an <c>encoder.safetensors</c>, or a <c>classifier.safetensors</c> that <c>wcl finetune</c> made, or its folder.</summary>
    public required string Source { get; init; }

    /// <summary>The file to write.</summary>
    public required string Out { get; init; }

    /// <summary>Its format; null is what the file's ending says (<c>.onnx</c>, <c>.safetensors</c>, <c>.pth</c>, <c>.pt</c>), else ONNX.</summary>
    public ExportFormat? Format { get; init; }

    private ExportFormat? FormatOfEnding => Path.GetExtension(Out).ToLowerInvariant() switch
    {
        ".onnx" => ExportFormat.Onnx,
        ".safetensors" => ExportFormat.Safetensors,
        ".pth" or ".pt" => ExportFormat.Torchvision,
        _ => null,
    };

    /// <summary>The format that is asked for by name, or by the ending of the file.</summary>
    internal ExportFormat FormatOfFile => Format ?? FormatOfEnding ?? ExportFormat.Onnx;

    /// <summary>A head of the run, which becomes a second output of an ONNX file; null for the encoder alone.</summary>
    public ExportHead? Head { get; init; }

    /// <summary>Numbers in an ONNX file.</summary>
    public ExportPrecision Precision { get; init; }

    /// <summary>Images to calibrate with and to compare on; null is the run's, its test images to compare on where it has some, and others to calibrate with; where there is no run, the embedded ones, which do to compare on alone.</summary>
    public string? Data { get; init; }

    /// <summary>Images that ranges are measured on for int8, 1 or more; where all are of one source, at most half of those that there are; null is <see cref="StandardImages"/>.</summary>
    public int? Calibrate { get; init; }

    /// <summary>Images, others than those, that an ONNX file is compared on, 1 or more; null is <see cref="StandardImages"/>.</summary>
    public int? Check { get; init; }

    /// <summary>Images to calibrate with, and to compare on, where no number is given.</summary>
    public const int StandardImages = 256;

    /// <summary>Of images to calibrate with, and to compare on.</summary>
    internal static NumberRange ImagesRange => NumberRange.AtLeastOne;

    /// <exception cref="WclUsageException">A value is out of range, or does not fit the format or the file's ending.</exception>
    internal void Validate()
    {
        GivenOption.RequirePath(Source, "The network to export", "name a run folder or a file");
        GivenOption.RequirePath(Out, "--out", "name a file");
        GivenOption.RequirePaths(("--data", Data));
        GivenOption.RequireMember(Format, "--format");
        GivenOption.RequireMember(Head, "--head");
        GivenOption.RequireMember<ExportPrecision>(Precision, "--precision");
        ImagesRange.Require(Calibrate, "--calibrate");
        ImagesRange.Require(Check, "--check");
        if (FormatOfFile == ExportFormat.Onnx)
        {
            if (Calibrate is not null && Precision != ExportPrecision.Int8) throw new WclUsageException("--calibrate is for --precision int8; the other precisions measure no ranges.");
        }
        else
        {
            RequireOnnxOptionsUnset();
        }

        if (Format is { } format && FormatOfEnding is { } ending && format != ending)
            throw new WclUsageException($"--out {Out} has the ending of --format {OptionValue.NameOf(ending)}, not of {OptionValue.NameOf(format)}; give another ending, or leave --format out.");
    }

    private void RequireOnnxOptionsUnset()
    {
        if (Data is not null || Calibrate is not null || Check is not null) throw new WclUsageException("--data, --calibrate and --check are for --format onnx; the other formats are the run's own weights, and nothing is compared.");
        if (Head is not null) throw new WclUsageException("--head is for --format onnx; heads as safetensors are in the run's checkpoints/ (heads.safetensors).");
        if (Precision != ExportPrecision.Fp32) throw new WclUsageException("--precision is for --format onnx; the other formats hold the weights as the run has them.");
    }
}

/// <summary>How an ONNX file compares with the network that it was made of, on images that both prepared for themselves.</summary>
public sealed record ExportParity
{
    /// <summary>Images compared.</summary>
    public required long Images { get; init; }

    /// <summary>What they were read from, for people.</summary>
    public required string Source { get; init; }

    /// <summary>Lowest cosine of any image's two vectors, over all outputs, -1 to 1.</summary>
    public required double MinCosine { get; init; }

    /// <summary>Largest difference of any two numbers.</summary>
    public required double LargestDifference { get; init; }
}

/// <summary>What a file of fewer bits costs, against the float32 one, both by ONNX Runtime, on images that it was not calibrated with.</summary>
public sealed record ExportCost
{
    /// <summary>Numbers in the file.</summary>
    public required ExportPrecision Precision { get; init; }

    /// <summary>Images compared.</summary>
    public required long Images { get; init; }

    /// <summary>What they were read from, for people.</summary>
    public required string Source { get; init; }

    /// <summary>Images that ranges were measured on; 0 where none had to be.</summary>
    public required long CalibrationImages { get; init; }

    /// <summary>Lowest cosine of an image's vector to the float32 one; projections count as well, where there are any. -1 to 1.</summary>
    public required double MinCosine { get; init; }

    /// <summary>Their mean, -1 to 1.</summary>
    public required double MeanCosine { get; init; }

    /// <summary>Figures of the float32 file.</summary>
    public required ExportFigures Float32 { get; init; }

    /// <summary>Figures of the file that was exported.</summary>
    public required ExportFigures Exported { get; init; }

    /// <summary>Share of the images that both call the same, for a classifier, 0 to 1; null for an encoder.</summary>
    public double? Agreement { get; init; }
}

/// <summary>What a file is and does.</summary>
public sealed record ExportFigures
{
    /// <summary>Its size.</summary>
    public required long Bytes { get; init; }

    /// <summary>Prepared images that go through it in a second; median of rounds in turn with the other file.</summary>
    public required double ImagesPerSecond { get; init; }

    /// <summary>kNN accuracy, 0 to 1, each half of the images by the nearest ones of the other; null where they have no labels, and for a classifier.</summary>
    public double? Knn { get; init; }

    /// <summary>Share of the labelled images that a classifier names right, 0 to 1; null where there are none, and for an encoder.</summary>
    public double? Accuracy { get; init; }
}

/// <summary>What was exported.</summary>
public sealed record ExportResult
{
    /// <summary>The file.</summary>
    public required string File { get; init; }

    /// <summary>Its size.</summary>
    public required long Bytes { get; init; }

    /// <summary>How the float32 ONNX file compares with libtorch; null for other formats.</summary>
    public ExportParity? Parity { get; init; }

    /// <summary>What the precision costs; null for float32 and other formats.</summary>
    public ExportCost? Cost { get; init; }
}
