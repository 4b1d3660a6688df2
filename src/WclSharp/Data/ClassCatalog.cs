using System.Text;

namespace WclSharp.Data;

/// <summary>Names of the classes, numbered as they are met and renumbered by name at the end. Letters and marks are together in all of them, so that a name typed and a folder that macOS named are one class.</summary>
/// <param name="fixedNames">Class names that are given from outside, in their order; null numbers by name.</param>
/// <param name="others">Whether further classes follow these, by name, instead of being an error.</param>
internal sealed class ClassCatalog(IReadOnlyList<string>? fixedNames, bool others)
{
    private readonly string[]? given = fixedNames?.Select(ComposedText.Of).ToArray();
    private readonly Dictionary<string, int> numbers = new(StringComparer.Ordinal);
    private readonly List<int> meetings = []; // of each class, less what was taken back

    /// <summary>Number of a class in the order of first meetings; -1 for none.</summary>
    public int Meet(string? name)
    {
        if (name is null) return -1;
        name = ComposedText.Of(name);
        if (!numbers.TryGetValue(name, out int number))
        {
            numbers.Add(name, number = numbers.Count);
            meetings.Add(0);
        }
        meetings[number]++;
        return number;
    }

    /// <summary>Number of a class by the UTF-8 bytes of its name.</summary>
    public int Meet(ReadOnlySpan<byte> utf8)
    {
        Span<char> name = stackalloc char[256];
        var lookup = numbers.GetAlternateLookup<ReadOnlySpan<char>>();
        if (Encoding.UTF8.TryGetChars(utf8, name, out int length) && lookup.TryGetValue(name[..length], out int number))
        {
            meetings[number]++;
            return number;
        }
        return Meet(Encoding.UTF8.GetString(utf8));
    }

    /// <summary>Takes a meeting back: the image cannot be read. A class that nothing else is of is none.</summary>
    /// <param name="number">The class; -1 for none.</param>
    public void TakeBack(int number)
    {
        if (number >= 0) meetings[number]--;
    }

    /// <summary>Settles the names and replaces the numbers in <paramref name="labels"/> by indices into them.</summary>
    /// <exception cref="WclUsageException">A class is not among the given ones, and may not follow them.</exception>
    public string[] Settle(Span<int> labels)
    {
        var met = numbers.Where(each => meetings[each.Value] > 0).Select(each => each.Key).Order(StringComparer.Ordinal);
        string[] names = given is null ? [.. met] : others ? [.. given, .. met.Except(given)] : [.. given];
        var index = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < names.Length; i++) index.TryAdd(names[i], i);

        var map = new int[numbers.Count];
        foreach (var (name, number) in numbers)
            map[number] = meetings[number] <= 0 ? -1 : index.TryGetValue(name, out int at) ? at : throw new WclUsageException(
                $"Class '{name}' is not among the {names.Length} known classes ({Few(names)}); leave its images out of the test, or train with a labelled image of it.");
        foreach (ref int label in labels)
            if (label >= 0) label = map[label];
        return names;
    }

    /// <summary>The first of some names.</summary>
    public static string Few(IReadOnlyList<string> names) => string.Join(", ", names.Take(3).Select(name => name.Contains(',') ? $"'{name}'" : name)) + (names.Count > 3 ? ", .." : "");
}
