namespace WclSharp.Checkpoints.PyTorch;

/// <summary>Finds the weights in what a training script saved.</summary>
internal static class StateDict
{
    private const int DeepestDictionary = 4, MostNamed = 8, LongestShown = 60;
    private const int LongestName = 256; // characters, of all dictionaries that lead to a tensor; a name is made for each tensor

    // The names under which training scripts keep the weights, the likeliest first.
    private static readonly string[] Usual = ["state_dict", "model_state_dict", "model", "net", "encoder", "backbone"];

    /// <summary>
    /// The dictionary of tensors: of the file's own and those that it keeps under usual names the first that is wanted. Otherwise those of the dictionaries inside it that are wanted,
    /// each name behind the names of its dictionaries (<c>teacher.conv1.weight</c>), so that what tells networks apart by their names does these.
    /// </summary>
    /// <param name="described">What the file's pickle holds.</param>
    /// <param name="isWanted">Whether the names of tensors are those of what is looked for; null takes the largest.</param>
    /// <exception cref="FormatException">It holds no tensors.</exception>
    public static Dictionary<string, object?> Of(object? described, Func<IReadOnlyCollection<string>, bool>? isWanted)
    {
        const string alone = "save the state dict alone with torch.save(model.state_dict(), FILE)";
        var dictionary = described as Dictionary<string, object?> ?? throw new FormatException(StoredTensor.OtherThan(described) is { } what ? $"it holds {what}; {alone}" : "it holds no dictionary");
        List<(string Prefix, Dictionary<string, object?> Values)> all = [.. Inside(dictionary).Where(each => TensorNames(each.Values).Count > 0)];
        if (all.Count > 0 && isWanted is null) return all.MaxBy(each => TensorNames(each.Values).Count).Values;
        var wanted = all.FindAll(each => isWanted!(TensorNames(each.Values)));
        if (wanted.Find(each => each.Prefix.Length == 0 || Usual.Contains(each.Prefix[..^1])).Values is { } usual) return usual;
        if (wanted.Count == 0)
        {
            var (key, value) = dictionary.FirstOrDefault(pair => Usual.Contains(pair.Key) && StoredTensor.OtherThan(pair.Value) is not null);
            if (key is not null) throw new FormatException($"its {key} is {StoredTensor.OtherThan(value)}; {alone}");
            if (all.Count == 0) throw new FormatException($"there are no tensors in it, nor in dictionaries {DeepestDictionary - 1} deep inside it: {Named(dictionary)}");
            return all.MaxBy(each => TensorNames(each.Values).Count).Values;
        }

        return wanted.SelectMany(each => each.Values.Select(pair => (Name: each.Prefix + pair.Key, pair.Value))).Where(pair => pair.Name.Length <= 2 * LongestName).DistinctBy(pair => pair.Name).ToDictionary(pair => pair.Name, pair => pair.Value);
    }

    /// <summary>A dictionary and those inside it, each once, with what leads there: the outer ones first, of those inside it the usual ones before others.</summary>
    private static IEnumerable<(string Prefix, Dictionary<string, object?> Values)> Inside(Dictionary<string, object?> dictionary)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance) { dictionary }; // a pickle can put one dictionary into many places, and into itself
        List<(string Prefix, Dictionary<string, object?> Values)> level = [("", dictionary)];
        for (int depth = 0; depth < DeepestDictionary && level.Count > 0; depth++)
        {
            var next = new List<(string, Dictionary<string, object?>)>();
            foreach (var (prefix, values) in level)
            {
                yield return (prefix, values);
                foreach (string name in values.Keys.OrderBy(name => Array.IndexOf(Usual, name) is var place && place < 0 ? Usual.Length : place))
                    if (values[name] is Dictionary<string, object?> inner && prefix.Length + name.Length <= LongestName && seen.Add(inner)) next.Add(($"{prefix}{name}.", inner));
            }

            level = next;
        }
    }

    private static List<string> TensorNames(Dictionary<string, object?> dictionary) => [.. dictionary.Where(pair => StoredTensor.Is(pair.Value)).Select(pair => pair.Key)];

    private static string Named(Dictionary<string, object?> dictionary) => dictionary.Count switch
    {
        0 => "it is empty",
        <= MostNamed => $"it has {Keys(dictionary)}",
        _ => FormattableString.Invariant($"it has {Keys(dictionary)} and {dictionary.Count - MostNamed} more"),
    };

    private static string Keys(Dictionary<string, object?> dictionary) => string.Join(", ", dictionary.Keys.Take(MostNamed).Select(key => key.Length <= LongestShown ? key : key[..LongestShown] + "..."));
}
