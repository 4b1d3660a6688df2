using System.Text;

namespace WclSharp.Data;

/// <summary>
/// Classes of images by their paths, from a CSV or TSV file. A hash table over one byte arena: no object per row.
/// </summary>
internal sealed class LabelList
{
    private readonly ByteArena paths = new();
    private readonly GrowingArray<int> labels = new();
    private readonly GrowingArray<bool> found = new();
    private readonly List<string> classes = [];
    private int[] slots = new int[1024]; // 1 + position; 0 is free

    private LabelList() { }

    /// <summary>Number of rows with a class.</summary>
    public int Count => paths.Count;

    /// <summary>First field of a first row that was taken for the names of the columns, though these are not known; null where there is none.</summary>
    public string? Header { get; private set; }

    /// <summary>Path of the first row.</summary>
    public string FirstPath => paths.GetString(0);

    /// <summary>Reads a file.</summary>
    /// <exception cref="WclUsageException">It cannot be read, is malformed, names no class, or names two for one path.</exception>
    public static LabelList Read(string file)
    {
        var list = new LabelList();
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        ListRow? first = null;
        foreach (var row in DelimitedFile.Read(file, row =>
        {
            first = row;
            return true;
        }))
        {
            // Names of columns that are not known, where the rows below name image files; images by their numbers, or files without an ending, are named like the first.
            if (first is { } header && ImageFormats.HasImageName(row.Path)) list.Header = header.Literal;
            else if (first is { } image) Add(image);
            first = null;
            Add(row);
        }
        if (first is { } only) Add(only);
        if (list.Count == 0) throw new WclUsageException($"'{file}' names no class; expected rows of path,label.");
        return list;

        void Add(ListRow row)
        {
            var (line, path, _, label) = row;
            if (label is null) return;
            if (!numbers.TryGetValue(label, out int number))
            {
                numbers.Add(label, number = list.classes.Count);
                list.classes.Add(label);
            }
            int before = list.Put(Normal(Encoding.UTF8.GetBytes(path)), number);
            if (before != number) throw new WclUsageException($"'{file}', line {line}: '{path}' is of class '{label}' here and '{list.classes[before]}' above.");
        }
    }

    /// <summary>Class of the image of a path, null where the list has none. '\' in the path counts as '/', and marks apart from their letters as together with them, as in the list's.</summary>
    public string? Find(ReadOnlySpan<byte> utf8Path)
    {
        int at = slots[SlotOf(Normal(utf8Path))];
        if (at == 0) return null;
        found[at - 1] = true;
        return classes[labels[at - 1]];
    }

    /// <summary>The class of an image by its path, or by what is left of it without the folder that all are in.</summary>
    public string? Find(ReadOnlySpan<byte> utf8Path, FolderClasses? folders) => Find(utf8Path) ?? (folders is null ? null : Find(utf8Path[folders.CommonBytes..]));

    /// <summary>Whether there is a class for an image by its path, or by what is left of it without the folder that all are in. Images that are only asked for so do not count as found.</summary>
    public bool Has(string path, FolderClasses? folders)
    {
        byte[] utf8Path = Encoding.UTF8.GetBytes(path);
        return slots[SlotOf(Normal(utf8Path))] != 0 || (folders is not null && slots[SlotOf(Normal(utf8Path.AsSpan(folders.CommonBytes)))] != 0);
    }

    /// <summary>Whether there is a class for an image by its path or by any end of it that begins with a folder or the file: before all names are seen, it is not known which folder all are in. Images that are only asked for so do not count as found.</summary>
    public bool MayHave(string path)
    {
        var rest = Normal(Encoding.UTF8.GetBytes(path));
        while (true)
        {
            if (slots[SlotOf(rest)] != 0) return true;
            int end = rest.IndexOf((byte)'/');
            if (end < 0) return false;
            rest = rest[(end + 1)..];
        }
    }

    /// <summary>The error where no image of a source is in the list.</summary>
    public WclUsageException NoneOf(string file, string firstImage) =>
        new(FormattableString.Invariant($"None of the {Count:N0} paths in '{file}' is an image there; the first is '{FirstPath}', the first image '{firstImage}'."));

    /// <summary>A warning where a first row was passed over; null where none was.</summary>
    public string? HeaderWarning(string file) => Header is null ? null : $"The first row of '{file}' is treated as a header row: '{Header}' is no image file.";

    /// <summary>A warning where some paths are no image of the source, as far as images were looked for; null where all are.</summary>
    public string? OthersWarning(string file)
    {
        int others = 0, first = 0;
        for (int i = Count - 1; i >= 0; i--)
            if (!found[i]) (others, first) = (others + 1, i);
        return others == 0 ? null : FormattableString.Invariant($"{others:N0} of the {Count:N0} paths in '{file}' {(others == 1 ? "is" : "are")} not among the images that were read there; the first is '{paths.GetString(first)}'.");
    }

    private static ReadOnlySpan<byte> Normal(ReadOnlySpan<byte> utf8Path)
    {
        if (!Ascii.IsValid(utf8Path)) utf8Path = Encoding.UTF8.GetBytes(ComposedText.Of(Encoding.UTF8.GetString(utf8Path)));
        if (!utf8Path.Contains((byte)'\\')) return utf8Path;
        byte[] normal = utf8Path.ToArray();
        normal.AsSpan().Replace((byte)'\\', (byte)'/');
        return normal;
    }

    /// <summary>Adds a row; gives the class that the path has, which is an older row's where there is one.</summary>
    private int Put(ReadOnlySpan<byte> path, int label)
    {
        int slot = SlotOf(path);
        if (slots[slot] != 0) return labels[slots[slot] - 1];
        paths.Add(path);
        labels.Add(label);
        found.Add(false);
        slots[slot] = paths.Count;
        if (paths.Count * 2 > slots.Length) Grow();
        return label;
    }

    private int SlotOf(ReadOnlySpan<byte> path)
    {
        int mask = slots.Length - 1;
        int slot = (int)Hash(path) & mask;
        while (slots[slot] != 0 && !paths[slots[slot] - 1].SequenceEqual(path)) slot = (slot + 1) & mask;
        return slot;
    }

    private void Grow()
    {
        slots = new int[slots.Length * 2];
        for (int i = 0; i < paths.Count; i++) slots[SlotOf(paths[i])] = i + 1;
    }

    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = new HashCode(); // seeded per process, which is safe here: no order depends on it
        hash.AddBytes(bytes);
        return (uint)hash.ToHashCode();
    }
}
