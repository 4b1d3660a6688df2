using System.IO.Enumeration;
using System.Text;

namespace WclSharp.Data;

/// <summary>The folders and image files of one folder, sorted by the bytes of their names; folders' end in '/'.</summary>
internal sealed class FolderListing
{
    private static readonly byte[] SheetName = Encoding.UTF8.GetBytes(ResultNames.Sheet);

    private readonly ByteArena names = new();
    private readonly GrowingArray<byte> kinds = new();
    private int[] order = [];
    private bool hasConfig, hasRecord, hasSuggestions;

    public int Count => order.Length;

    /// <summary>Whether the sheet of <c>wcl suggest</c> was left out.</summary>
    public bool HasSheet { get; private set; }

    /// <summary>A file that is no image but would be read by itself; null for none.</summary>
    public string? Other { get; private set; }

    /// <summary>Whether it is the folder of a run or a comparison.</summary>
    public bool IsResult => hasConfig && hasRecord;

    /// <summary>The same of a folder that is not listed.</summary>
    public static bool IsResultFolder(string folder) => File.Exists(Path.Combine(folder, ResultNames.Config)) && ResultNames.Records.Any(record => File.Exists(Path.Combine(folder, record)));

    public (string Name, bool IsFolder, bool IsLink) this[int index] =>
        (names.GetString(order[index]), (kinds[order[index]] & 1) != 0, (kinds[order[index]] & 2) != 0);

    /// <summary>Lists a folder; gives the number of files that are left out.</summary>
    public long Fill(string folder)
    {
        long ignored = 0;
        // The strings of names are never made: entries are looked at in place.
        var entries = new FileSystemEnumerable<bool>(folder, (ref FileSystemEntry entry) =>
        {
            var name = entry.FileName;
            if (name.Length == 0 || name[0] == '.') return false;
            bool isFolder = entry.IsDirectory;
            if (isFolder && SystemFolders.Is(name))
            {
                ignored++;
                return false;
            }
            if (!isFolder && !ImageFormats.HasImageName(name))
            {
                hasConfig |= name is ResultNames.Config;
                foreach (string record in ResultNames.Records) hasRecord |= name.SequenceEqual(record);
                hasSuggestions |= name is ResultNames.SuggestionList;
                if (Other is null && OtherData.Is(name)) Other = name.ToString();
                ignored++;
                return false;
            }
            Add(name, isFolder, (entry.Attributes & FileAttributes.ReparsePoint) != 0);
            return true;
        }, new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false, RecurseSubdirectories = false });
        foreach (bool _ in entries) { }

        order = new int[names.Count];
        for (int i = 0; i < order.Length; i++) order[i] = i;
        if (hasSuggestions && Array.FindIndex(order, i => names[i].SequenceEqual(SheetName)) is >= 0 and var sheet)
        {
            // The sheet alone: somebody may have named a folder of photographs with --out.
            order = [.. order.Where(i => i != sheet)];
            HasSheet = true;
            ignored++;
        }
        order.AsSpan().Sort((a, b) => names[a].SequenceCompareTo(names[b]));
        return ignored;
    }

    public void Clear()
    {
        names.Clear();
        kinds.Clear();
        order = [];
        hasConfig = hasRecord = hasSuggestions = HasSheet = false;
        Other = null;
    }

    private void Add(ReadOnlySpan<char> name, bool isFolder, bool isLink)
    {
        if (isFolder)
        {
            Span<char> withSlash = stackalloc char[name.Length + 1]; // file systems end names at 255
            name.CopyTo(withSlash);
            withSlash[^1] = '/';
            names.Add(withSlash);
        }
        else
        {
            names.Add(name);
        }
        kinds.Add((byte)((isFolder ? 1 : 0) | (isLink ? 2 : 0)));
    }
}
