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

/// <summary>What to export, and where to.</summary>
public sealed record ExportOptions
{
    /// <summary>A run folder, an <c>encoder.safetensors</c>, or a <c>classifier.safetensors</c> that <c>wcl finetune</c> made.</summary>
    public required string Source { get; init; }

    /// <summary>The file to write.</summary>
    public required string Out { get; init; }

    /// <summary>Its format.</summary>
    public ExportFormat Format { get; init; }

    /// <summary>A head of the run, which becomes a second output of an ONNX file; null for the encoder alone.</summary>
    public ExportHead? Head { get; init; }

    /// <summary>Images to compare an ONNX file with libtorch on; null is the run's, or the embedded ones.</summary>
    public string? Data { get; init; }
}

/// <summary>How an ONNX file compares with the network that it was made of, on images that both prepared for themselves.</summary>
/// <param name="Images">Images compared.</param>
/// <param name="Source">What they were read from, for people.</param>
/// <param name="MinCosine">Lowest cosine of any image's two vectors, over all outputs.</param>
/// <param name="LargestDifference">Largest difference of any two numbers.</param>
public sealed record ExportParity(int Images, string Source, double MinCosine, double LargestDifference);

/// <summary>What was exported.</summary>
/// <param name="File">The file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Parity">How an ONNX file compares; null for other formats.</param>
public sealed record ExportResult(string File, long Bytes, ExportParity? Parity);
