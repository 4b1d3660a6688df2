using System.Globalization;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;

namespace WclSharp.Encoders;

/// <summary>An encoder's weights in files: safetensors with torchvision's names, and what is needed to use them as metadata.</summary>
internal static class EncoderWeights
{
    /// <summary>Facts that an encoder's file carries: network, input size and normalisation.</summary>
    public static Dictionary<string, string> Describe(ResNet encoder, int imageSize, Normalisation normalisation) => new()
    {
        ["format"] = "pt",
        ["arch"] = encoder.Architecture.ToString().ToLowerInvariant(),
        ["width"] = Invariant(encoder.Width),
        ["stem"] = encoder.Stem.ToString().ToLowerInvariant(),
        ["image_size"] = Invariant(imageSize),
        ["mean"] = $"{Invariant(normalisation.Mean.R)},{Invariant(normalisation.Mean.G)},{Invariant(normalisation.Mean.B)}",
        ["std"] = $"{Invariant(normalisation.Std.R)},{Invariant(normalisation.Std.G)},{Invariant(normalisation.Std.B)}",
    };

    /// <summary>Fills an encoder from a run folder or a safetensors file; a classifier (<c>fc</c>) in it is left aside.</summary>
    /// <exception cref="WclUsageException">There is no such file, or it holds another network.</exception>
    public static void Load(ResNet encoder, string source)
    {
        string path = Find(source);
        using var content = SafetensorsFile.Read(path);
        ModuleWeights.Load(encoder, content.Tensors, "", path);
    }

    /// <summary>The weights that a path stands for: a file, or a run folder's last encoder.</summary>
    public static string Find(string source)
    {
        if (!Directory.Exists(source)) return source;
        string exported = Path.Combine(source, "encoder.safetensors");
        if (File.Exists(exported)) return exported;
        string? checkpoint = new CheckpointStore(Path.Combine(source, "checkpoints")).Last;
        return checkpoint is null
            ? throw new WclUsageException($"'{source}' holds no encoder (neither encoder.safetensors nor a checkpoint); give a run folder or a .safetensors file.")
            : CheckpointStore.EncoderFile(checkpoint);
    }

    /// <summary>The normalisation that a file's encoder was trained with; ImageNet's where it does not say (as torchvision's weights).</summary>
    public static Normalisation NormalisationOf(string source)
    {
        using var content = SafetensorsFile.Read(Find(source));
        return content.Metadata.TryGetValue("mean", out var mean) && content.Metadata.TryGetValue("std", out var std)
            ? new Normalisation(Triple(mean), Triple(std))
            : Normalisation.ImageNet;

        static (float, float, float) Triple(string text) => text.Split(',') is [var r, var g, var b]
            ? (Parse(r), Parse(g), Parse(b))
            : throw new WclUsageException($"The encoder's normalisation '{text}' is not three numbers.");
        static float Parse(string text) => float.Parse(text, CultureInfo.InvariantCulture);
    }

    private static string Invariant(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
