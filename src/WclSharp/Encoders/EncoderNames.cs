using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>
/// Finds an encoder among the weights of a larger model, whatever it is called there: torchvision's names as they are, behind a prefix (<c>module.net.</c> in the authors'
/// checkpoints, <c>backbone.</c> in others), or by number, where the network was cut into a list of its children (lightly).
/// </summary>
internal static class EncoderNames
{
    private const string FirstLayer = "conv1.weight", FirstLayerByNumber = "0.weight";

    // The children of torchvision's ResNet in order; 2 and 3 are ReLU and pooling, which have no weights.
    private static readonly Dictionary<string, string> Children = new()
    {
        ["0"] = "conv1",
        ["1"] = "bn1",
        ["4"] = "layer1",
        ["5"] = "layer2",
        ["6"] = "layer3",
        ["7"] = "layer4",
    };

    /// <summary>The encoder's weights under torchvision's names.</summary>
    /// <param name="tensors">Weights of the model.</param>
    /// <param name="path">Where they come from, for errors.</param>
    /// <returns>Those of the encoder, not copied.</returns>
    /// <exception cref="WclUsageException">There is none.</exception>
    public static IReadOnlyDictionary<string, Tensor> Find(IReadOnlyDictionary<string, Tensor> tensors, string path)
    {
        if (tensors.ContainsKey(FirstLayer) && tensors.ContainsKey("bn1.weight")) return tensors;
        // The first layers of blocks are called conv1 too; the encoder's own has the shortest name, and its batch norm beside it.
        string? named = Prefixes(FirstLayer).FirstOrDefault(prefix => tensors.ContainsKey(prefix + "bn1.weight") && tensors.ContainsKey(prefix + "layer1.0.conv1.weight"));
        if (named is not null) return Under(named, name => name);
        string? numbered = Prefixes(FirstLayerByNumber).FirstOrDefault(prefix => tensors[prefix + FirstLayerByNumber].dim() == 4 && tensors.ContainsKey(prefix + "4.0.conv1.weight"));
        if (numbered is not null) return Under(numbered, ByNumber);
        throw new WclUsageException($"'{path}' holds no ResNet: none of its {tensors.Count:N0} tensors ends with {FirstLayer} beside a bn1.weight (the first is {tensors.Keys.FirstOrDefault() ?? "missing"}).");

        IEnumerable<string> Prefixes(string ending) => tensors.Keys
            .Where(name => name == ending || name.EndsWith("." + ending, StringComparison.Ordinal)).Select(name => name[..^ending.Length])
            .OrderBy(prefix => prefix.Length).ThenBy(prefix => prefix, StringComparer.Ordinal);

        Dictionary<string, Tensor> Under(string prefix, Func<string, string?> rename) => tensors
            .Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(pair => (Name: rename(pair.Key[prefix.Length..]), pair.Value))
            .Where(pair => pair.Name is not null).ToDictionary(pair => pair.Name!, pair => pair.Value);
    }

    private static string? ByNumber(string name)
    {
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && Children.TryGetValue(name[..dot], out string? child) ? child + name[dot..] : null;
    }
}
