using System.Globalization;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>What an encoder's file says of it: network, input size and normalisation.</summary>
internal sealed record EncoderFacts(EncoderArch Arch, int Width, EncoderStem Stem, int ImageSize, Normalization Normalization)
{
    /// <summary>Length of a feature vector.</summary>
    public int FeatureSize => LastStage * (Arch is EncoderArch.ResNet18 or EncoderArch.ResNet34 ? BasicBlock.Expansion : Bottleneck.Expansion);

    /// <summary>Channels inside the blocks of the last stage.</summary>
    public int LastStage => 8 * Width;
}

/// <summary>An encoder's weights in files: safetensors with torchvision's names, and what is needed to use them as metadata.</summary>
internal static class EncoderWeights
{
    private const int LargestWidth = 512, LargestImageSize = 2048;

    /// <summary>Facts that an encoder's file carries: network, input size and normalisation.</summary>
    public static Dictionary<string, string> Describe(ResNet encoder, int imageSize, Normalization normalisation) => new()
    {
        ["format"] = "pt",
        ["arch"] = OptionValue.NameOf(encoder.Architecture),
        ["width"] = Invariant(encoder.Width),
        ["stem"] = OptionValue.NameOf(encoder.Stem),
        ["image_size"] = Invariant(imageSize),
        ["mean"] = $"{Invariant(normalisation.Mean.R)},{Invariant(normalisation.Mean.G)},{Invariant(normalisation.Mean.B)}",
        ["std"] = $"{Invariant(normalisation.Std.R)},{Invariant(normalisation.Std.G)},{Invariant(normalisation.Std.B)}",
    };

    /// <summary>Refuses what <see cref="FactsOf(string)"/> and its reader would not take.</summary>
    /// <exception cref="WclUsageException">A fact is out of range.</exception>
    /// <exception cref="WclException">Weights are not finite.</exception>
    public static void RequireLoadable(ResNet encoder, IEnumerable<(string Name, Tensor Tensor)> weights, int imageSize, Normalization normalisation)
    {
        if (encoder.Width > LargestWidth) throw new WclUsageException(string.Create(CultureInfo.InvariantCulture, $"A network of width {encoder.Width} cannot be loaded again; use up to {LargestWidth}."));
        if (imageSize is < 1 or > LargestImageSize) throw new WclUsageException(string.Create(CultureInfo.InvariantCulture, $"Image size {imageSize} is not possible; use 1 to {LargestImageSize}."));
        normalisation.Validate();
        foreach (var (name, tensor) in weights)
        {
            using var scope = NewDisposeScope();
            if (tensor.is_floating_point() && !tensor.isfinite().all().item<bool>())
                throw new WclException($"The encoder has numbers in '{name}' that are not finite, so its features would be none; its training has diverged.");
        }
    }

    /// <summary>
    /// Fills an encoder from a run folder, a safetensors file or a PyTorch state dict (<c>.pth</c>), in which it may be a part of a larger model (<see cref="EncoderNames"/>); heads and
    /// classifiers are left aside.
    /// </summary>
    /// <returns>What was loaded, for people.</returns>
    /// <exception cref="WclUsageException">There is no such file, it holds another network, or its weights are not finite.</exception>
    public static string Load(ResNet encoder, string source)
    {
        using var content = Read(source, out var found);
        found.RequireFit(encoder.Architecture, encoder.Width, encoder.Stem);
        ModuleWeights.Load(encoder, found.Weights, "", found.Path);
        int taken = ModuleWeights.Of(encoder).Count(pair => found.Weights.ContainsKey(pair.Name));
        return string.Create(CultureInfo.InvariantCulture, $"{taken:N0} tensors {(found.Prefix.Length > 0 ? $"under {found.Prefix} " : "")}of {found.Path}, {content.Tensors.Count - taken:N0} left aside");
    }

    /// <summary>A network as a file of ours, or a run folder's last, has it.</summary>
    /// <returns>The network in training mode, float32 on the CPU, and what its file says of it.</returns>
    /// <exception cref="WclUsageException">There is no such file, or it does not say how it was made.</exception>
    public static (ResNet Network, EncoderFacts Facts) ReadNetwork(string source)
    {
        string path = Find(source);
        using var content = SafetensorsFile.Read(path);
        var facts = FactsOf(content, path);
        var network = new ResNet(facts.Arch, facts.Width, facts.Stem, seed: 0);
        try
        {
            ModuleWeights.Load(network, content.Tensors, "", path);
            return (network, facts);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>What a file says of the images that its weights were trained on: their size, and what they were normalised with; null where it does not say, as other programs' do not.</summary>
    public static (int ImageSize, Normalization Normalization)? InputOf(string source)
    {
        string path = Find(source);
        if (!Path.GetExtension(path).Equals(".safetensors", StringComparison.OrdinalIgnoreCase)) return null;
        using var content = SafetensorsFile.Read(path);
        return content.Metadata.ContainsKey("mean") && content.Metadata.ContainsKey("std") && FactsOf(content, path) is var facts ? (facts.ImageSize, facts.Normalization) : null;
    }

    /// <summary>Refuses what cannot fill an encoder, as far as that is known without having it.</summary>
    /// <exception cref="WclUsageException">There is no such file, it holds another network, or its weights are not finite.</exception>
    public static void RequireFit(string source, EncoderArch? arch, int? width, EncoderStem? stem)
    {
        using var content = Read(source, out var found);
        found.RequireFit(arch, width, stem);
    }

    private static SafetensorsContent Read(string source, out FoundEncoder found)
    {
        string path = Find(source);
        var content = WeightsFile.Read(path, EncoderNames.AreIn);
        try
        {
            found = EncoderNames.Find(content, path);
            return content;
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    /// <summary>The weights that a path stands for: a file, or a run folder's last encoder.</summary>
    /// <exception cref="WclUsageException">The path is empty, or that of a folder without an encoder.</exception>
    public static string Find(string source)
    {
        GivenOption.RequirePath(source, "The path of the encoder", "give a run folder or a .safetensors file");
        if (!Directory.Exists(source)) return source;
        string exported = RunFolder.EncoderOf(source);
        if (File.Exists(exported)) return exported;
        string? checkpoint = new CheckpointStore(RunFolder.CheckpointsOf(source)).Last;
        return checkpoint is null
            ? throw new WclUsageException($"'{source}' holds no encoder (neither {ResultNames.Encoder} nor a checkpoint); give a run folder or a .safetensors file.")
            : CheckpointStore.EncoderFile(checkpoint);
    }

    /// <summary>What a file says of its encoder.</summary>
    /// <exception cref="WclUsageException">There is no such file, or it does not say, or says it wrongly.</exception>
    public static EncoderFacts FactsOf(string path)
    {
        using var content = SafetensorsFile.Read(path);
        return FactsOf(content, path);
    }

    /// <summary>What a file says of its encoder. It has weights of such a size, so that no more is allocated for it than some times what it has.</summary>
    /// <exception cref="WclUsageException">It does not say, or says it wrongly.</exception>
    public static EncoderFacts FactsOf(SafetensorsContent content, string path)
    {
        var facts = Described(content, path);
        const string largest = "layer4.0.conv2.weight"; // 3 x 3 in every architecture
        int side = facts.LastStage;
        if (!content.Tensors.TryGetValue(largest, out var weight)) throw new WclUsageException($"'{path}' has no '{largest}', as every encoder has; give a run folder or an encoder.safetensors that wcl pretrain wrote.");
        if (!weight.shape.AsSpan().SequenceEqual([side, side, 3, 3]))
            throw new WclUsageException($"'{path}' has '{largest}' of shape {ShapeText.Of(weight)} where the width of {facts.Width} that it speaks of needs [{side}, {side}, 3, 3]; it is damaged.");
        return facts;
    }

    private static EncoderFacts Described(SafetensorsContent content, string path)
    {
        string Text(string key) => content.Metadata.TryGetValue(key, out var text)
            ? text
            : throw new WclUsageException($"'{path}' does not say its \"{key}\"; give a run folder or an encoder.safetensors that wcl pretrain wrote.");
        try
        {
            return new EncoderFacts(Choice<EncoderArch>("arch"), Positive("width", LargestWidth), Choice<EncoderStem>("stem"), Positive("image_size", LargestImageSize),
                new Normalization(Triple(Text("mean")), Triple(Text("std"))));
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
        {
            throw new WclUsageException($"'{path}' describes its encoder in a way that this version does not know: {e.Message}", e);
        }

        T Choice<T>(string key)
            where T : struct, Enum => OptionValue.Choice<T>().TryParse(Text(key), out var value)
            ? value
            : throw new FormatException($"there is no {key} \"{Text(key)}\".");
        int Positive(string key, int largest) => int.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= 1 && value <= largest
            ? value
            : throw new FormatException($"its {key} is \"{Text(key)}\".");
        static (float, float, float) Triple(string text) => text.Split(',') is [var r, var g, var b]
            ? (Number(r), Number(g), Number(b))
            : throw new FormatException($"'{text}' is not three numbers.");
        static float Number(string text) => float.Parse(text, CultureInfo.InvariantCulture);
    }

    private static string Invariant(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
