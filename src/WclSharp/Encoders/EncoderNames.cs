using WclSharp.Checkpoints;

namespace WclSharp.Encoders;

/// <summary>
/// Finds an encoder among the weights of a larger model, whatever it is called there: torchvision's names as they are, behind a prefix (<c>module.net.</c> in the authors'
/// checkpoints, <c>backbone.</c> in others), or by number, where the network was cut into a list of its children (lightly). <c>shortcut</c> is another name of <c>downsample</c>.
/// </summary>
internal static class EncoderNames
{
    private const string FirstLayer = "conv1.weight";

    // Where a model has two encoders, words by which the one is known that its authors measure, and the other: of one that is trained and one that follows it the former (MoCo, BYOL), of a
    // student and its teacher the teacher (DINO).
    private static readonly string[] Measured = ["q", "query", "online", "teacher"], Other = ["k", "key", "momentum", "ema", "target", "student"];

    // How an encoder's children are called, and by which names it is known. Later ones hold where no earlier one does.
    private static readonly Layout[] Layouts =
    [
        new(FirstLayer, "bn1.weight", "layer1.0.conv1.weight", []),
        new("0.weight", "1.weight", "2.0.conv1.weight", Numbered(firstStage: 2)), // lightly's own ResNet
        new("0.weight", "1.weight", "3.0.conv1.weight", Numbered(firstStage: 3)), // torchvision's without pooling: 2 is ReLU, which has no weights
        new("0.weight", "1.weight", "4.0.conv1.weight", Numbered(firstStage: 4)), // torchvision's: 2 and 3 are ReLU and pooling, which have no weights
    ];

    private sealed record Layout(string First, string Second, string Block, Dictionary<string, string> Children);

    /// <summary>Whether names of tensors have an encoder's among them.</summary>
    public static bool AreIn(IReadOnlyCollection<string> names) => Places(names).Any();

    /// <summary>The encoder's weights under torchvision's names.</summary>
    /// <param name="content">Weights of the model.</param>
    /// <param name="path">Where they come from, for errors.</param>
    /// <exception cref="WclUsageException">There is none, or there are several that nothing tells apart.</exception>
    public static FoundEncoder Find(SafetensorsContent content, string path)
    {
        List<FoundEncoder> all = [.. Places([.. content.Tensors.Keys, .. content.Others.Keys]).Select(place => new FoundEncoder(path, place.Prefix, Under(content.Tensors, place), Under(content.Others, place)))];
        if (all.Count == 0)
            throw new WclUsageException(FormattableString.Invariant($"'{path}' holds no ResNet: none of its {content.Tensors.Count:N0} tensors ends with {FirstLayer} beside a bn1.weight and a layer1 (the first is {content.Tensors.Keys.FirstOrDefault() ?? "missing"})."));
        if (all[0].Prefix.Length == 0) return all[0];
        var chosen = all.FindAll(each => HasWord(each, Measured));
        if (chosen.Count == 0) chosen = all.FindAll(each => !HasWord(each, Other));
        if (chosen.Count == 0) chosen = all;
        return chosen.TrueForAll(each => each == chosen[0] || each.IsSameAs(chosen[0]))
            ? chosen[0]
            : throw new WclUsageException($"'{path}' holds several ResNets, under {string.Join(", ", chosen.Select(each => each.Prefix))}; save the one that is wanted alone.");
    }

    /// <summary>Where encoders are, the shortest prefix first.</summary>
    private static IEnumerable<(string Prefix, Layout Layout)> Places(IReadOnlyCollection<string> names)
    {
        var all = names.ToHashSet();
        return Layouts.SelectMany(layout => names
                .Where(name => name == layout.First || name.EndsWith("." + layout.First, StringComparison.Ordinal))
                .Select(name => (Prefix: name[..^layout.First.Length], Layout: layout)))
            // The first layers of blocks are called conv1 too; the encoder's own has a batch norm and a stage beside it.
            .Where(place => all.Contains(place.Prefix + place.Layout.Second) && all.Contains(place.Prefix + place.Layout.Block))
            .DistinctBy(place => place.Prefix).OrderBy(place => place.Prefix.Length).ThenBy(place => place.Prefix, StringComparer.Ordinal);
    }

    private static Dictionary<string, T> Under<T>(IReadOnlyDictionary<string, T> named, (string Prefix, Layout Layout) place)
    {
        var found = new Dictionary<string, T>();
        foreach (var (name, value) in named)
            if (name.StartsWith(place.Prefix, StringComparison.Ordinal) && Renamed(name[place.Prefix.Length..], place.Layout) is { } own) found.TryAdd(own, value);
        return found;
    }

    /// <summary>torchvision's name; null for what is no part of an encoder.</summary>
    private static string? Renamed(string name, Layout layout)
    {
        string[] parts = name.Split('.');
        if (layout.Children.Count > 0)
        {
            if (!layout.Children.TryGetValue(parts[0], out string? child)) return null;
            parts[0] = child;
        }

        if (parts is [_, _, "shortcut", ..] && parts[0].StartsWith("layer", StringComparison.Ordinal)) parts[2] = "downsample";
        return string.Join('.', parts);
    }

    private static bool HasWord(FoundEncoder encoder, string[] words) => encoder.Prefix.ToLowerInvariant().Split('.', '_').Any(words.Contains);

    private static Dictionary<string, string> Numbered(int firstStage)
    {
        var children = new Dictionary<string, string> { ["0"] = "conv1", ["1"] = "bn1" };
        for (int stage = 0; stage < 4; stage++) children[FormattableString.Invariant($"{firstStage + stage}")] = FormattableString.Invariant($"layer{stage + 1}");
        return children;
    }
}
