using System.Globalization;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>An encoder that was found in a file, which may be another than the one that is to be filled.</summary>
/// <param name="Path">The file, for errors.</param>
/// <param name="Prefix">What its names have before them there.</param>
/// <param name="Weights">Its tensors, and whatever else has that prefix, under torchvision's names; not copied.</param>
/// <param name="Others">What has a name there but is no tensor that is read: what it is.</param>
internal sealed record FoundEncoder(string Path, string Prefix, IReadOnlyDictionary<string, Tensor> Weights, IReadOnlyDictionary<string, string> Others)
{
    /// <summary>Refuses another network than the one that is to be filled, and weights that are not finite.</summary>
    /// <param name="arch">Its depth; null where that is not known yet, as the others.</param>
    /// <param name="width">Its width.</param>
    /// <param name="stem">Its first layers.</param>
    /// <exception cref="WclUsageException">It is another, or has such weights.</exception>
    public void RequireFit(EncoderArch? arch, int? width, EncoderStem? stem)
    {
        // Weights of a deeper network would fill a shallower one and compute something else.
        var own = RequireArchitecture();
        if (arch is { } other && other != own) throw Refused($"holds a {OptionValue.NameOf(own)}, not a {OptionValue.NameOf(other)}; give --arch {OptionValue.NameOf(own)}");
        var shapes = ShapesOf(own);
        if (Weights.Keys.FirstOrDefault(name => IsLayer(name) && !shapes.ContainsKey(name)) is { } more)
            throw Refused($"holds '{Prefix}{more}', which a {OptionValue.NameOf(own)} has not: it is another kind of network");
        foreach (string name in shapes.Keys) RequireNumbers(name);

        var first = Weights["conv1.weight"];
        if (first.dim() != 4) throw Refused($"has '{Prefix}conv1.weight' of shape [{string.Join(", ", first.shape)}], which is no convolution's");
        if (width is { } needed && first.size(0) != needed) throw Refused(string.Create(CultureInfo.InvariantCulture, $"is of width {first.size(0)}, not {needed}; give --width {first.size(0)}"));
        EncoderStem? ownStem = first.size(2) switch { 3 => EncoderStem.Small, 7 => EncoderStem.ImageNet, _ => null };
        if (stem is { } wanted && ownStem is { } has && has != wanted)
            throw Refused($"has the {OptionValue.NameOf(has)} stem, not the {OptionValue.NameOf(wanted)} one; give --stem {OptionValue.NameOf(has)}, or weights of the other");
        RequireShapes(own, shapes, first.size(0), side: (ownStem ?? stem) == EncoderStem.Small ? 3 : 7);
    }

    /// <summary>Refuses a network with the names of this one and other layers: a wide or a grouped one, or one for images of other channels.</summary>
    private void RequireShapes(EncoderArch arch, Dictionary<string, long[]> ofWidth1, long width, long side)
    {
        foreach (var (name, one) in ofWidth1.Where(pair => pair.Value.Length > 0)) // a count has no shape
        {
            long[] shape = name == "conv1.weight" ? [width, 3, side, side] : [.. one.Index().Select(dimension => dimension.Index < 2 ? dimension.Item * width : dimension.Item)];
            if (!Weights[name].shape.AsSpan().SequenceEqual(shape))
                throw Refused($"has '{Prefix}{name}' of shape {ShapeText.Of(Weights[name])} where a {OptionValue.NameOf(arch)} of width {width} has [{string.Join(", ", shape)}]: it is another kind of network");
        }
    }

    /// <summary>Whether another has the same numbers under the same names: a part of a model can be saved under two.</summary>
    public bool IsSameAs(FoundEncoder other)
    {
        using var scope = NewDisposeScope();
        return Weights.Count == other.Weights.Count
            && Weights.All(pair => other.Weights.TryGetValue(pair.Key, out var value) && value.shape.AsSpan().SequenceEqual(pair.Value.shape) && value.eq(pair.Value).all().item<bool>());
    }

    private EncoderArch RequireArchitecture()
    {
        int[] blocks = [.. Enumerable.Range(1, 4).Select(Blocks)];
        bool bottleneck = Weights.ContainsKey("layer1.0.conv3.weight");
        foreach (var each in Enum.GetValues<EncoderArch>())
            if (ResNet.BlocksOf(each) is var (counts, deep) && deep == bottleneck && counts.AsSpan().SequenceEqual(blocks)) return each;
        string known = string.Join(", ", Enum.GetValues<EncoderArch>().Select(OptionValue.NameOf));
        throw Refused($"holds a ResNet of {string.Join(", ", blocks)} {(bottleneck ? "bottleneck" : "basic")} blocks, which is none of {known}");

        int Blocks(int stage)
        {
            string start = FormattableString.Invariant($"layer{stage}.");
            return Weights.Keys.Where(name => name.StartsWith(start, StringComparison.Ordinal)).Select(name => name[start.Length..].Split('.')[0]).Distinct().Count();
        }
    }

    private void RequireNumbers(string name)
    {
        bool isCount = name.EndsWith("num_batches_tracked", StringComparison.Ordinal);
        if (!Weights.TryGetValue(name, out var tensor))
        {
            if (isCount) return; // older PyTorch files lack it
            throw Refused(Others.TryGetValue(name, out string? other) ? $"has {other} in the place of the weights '{Prefix}{name}'" : $"has no tensor '{Prefix}{name}', as every encoder of its depth has");
        }

        if (isCount) return;
        if (!tensor.is_floating_point()) throw Refused($"has integers in '{Prefix}{name}', which are no weights");
        using var scope = NewDisposeScope();
        if (!tensor.to(ScalarType.Float32).isfinite().all().item<bool>()) throw Refused($"has numbers in '{Prefix}{name}' that are not finite; use another checkpoint");
    }

    /// <summary>Whether a name is that of weights that the features hang on. Profilers put counts of their own beside them.</summary>
    private static bool IsLayer(string name) =>
        (name.StartsWith("layer", StringComparison.Ordinal) || name.StartsWith("conv1.", StringComparison.Ordinal) || name.StartsWith("bn1.", StringComparison.Ordinal))
        && (name.EndsWith(".weight", StringComparison.Ordinal) || name.EndsWith(".bias", StringComparison.Ordinal));

    /// <summary>Names of an encoder's tensors, with their shapes where its width is 1 and its stem small.</summary>
    private static Dictionary<string, long[]> ShapesOf(EncoderArch arch)
    {
        using var smallest = new ResNet(arch, width: 1, EncoderStem.Small, seed: 0);
        return ModuleWeights.Of(smallest).ToDictionary(pair => pair.Name, pair => pair.Tensor.shape);
    }

    private WclUsageException Refused(string why) => new($"'{Path}' {why}.");
}
