using System.IO.Enumeration;

namespace WclSharp.Data;

/// <summary>
/// Image files of a folder and its folders, in ordinal order of their paths, found while they are read.
/// </summary>
/// <remarks>
/// One folder's names are in memory at a time (and those of the folders above it), as bytes. Names that begin with a dot
/// are left out, as are files that have no image's name. A link to a folder is followed once, and not to a folder that
/// it lies in, so that loops end. Folders that <c>wcl</c> wrote a run or a comparison into are left out with all that is in them: their
/// plots are no images to learn from. An inner folder that cannot be listed is left out with a warning.
/// </remarks>
internal sealed class FolderSource(string root) : ImageSource
{
    private const char NotUtf8 = '\uFFFD'; // what .NET makes of bytes that are none

    private readonly Stack<Listing> spare = [];
    private readonly HashSet<string> linked = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public override string Description => $"folder '{root}'";

    /// <inheritdoc/>
    public override bool ClassesAreFolders => true;

    /// <inheritdoc/>
    public override string Expected => $"{ImageFormats.Names} files, in a folder per class where there are classes";

    /// <inheritdoc/>
    public override string? FileOf(string name) => Path.Combine(root, name);

    /// <inheritdoc/>
    public override IEnumerable<SourceImage> Images(Func<int, bool> wanted)
    {
        Ignored = 0;
        Warning = null;
        linked.Clear();
        int position = 0;
        foreach (string name in FileNames())
        {
            yield return wanted(position) ? new() { Name = name, File = FileOf(name) } : new() { Name = name };
            position++;
        }
    }

    /// <summary>Names of all image files, depth first. No recursion: each level's listing is on a stack.</summary>
    private IEnumerable<string> FileNames()
    {
        var levels = new Stack<(Listing Listing, string Prefix, string RealPath, int Next)>();
        string real = RealPath(root);
        levels.Push((List(root), "", real, 0));
        while (levels.TryPop(out var level))
        {
            var (listing, prefix, realPath, next) = level;
            if (next == listing.Count)
            {
                listing.Clear();
                spare.Push(listing);
                continue;
            }
            levels.Push((listing, prefix, realPath, next + 1));
            var (name, isFolder, isLink) = listing[next];
            if (!isFolder)
            {
                yield return prefix + name;
                continue;
            }

            string path = prefix + name; // a folder's name ends in '/'
            string target = Path.Combine(realPath, name.TrimEnd('/'));
            if (isLink)
            {
                target = RealPath(target);
                if (levels.Any(above => above.RealPath == target) || !linked.Add(target))
                {
                    Ignored++;
                    continue;
                }
            }
            Listing inner;
            try
            {
                inner = List(Path.Combine(root, path));
            }
            catch (WclUsageException e)
            {
                // Such as lost+found, or a name that is not UTF-8: no reason to stop at what may be the millionth image.
                Warning ??= $"{e.Message.TrimEnd('.')}. It is passed over, as are others like it{(path.Contains(NotUtf8) ? "; its name is not UTF-8, rename it" : "")}.";
                Ignored++;
                continue;
            }
            if (inner.IsResult)
            {
                Warning ??= $"The folder '{Path.Combine(root, path)}' holds results of wcl, so its pictures are left out, as are those of others like it.";
                inner.Clear();
                spare.Push(inner);
                continue;
            }
            levels.Push((inner, path, target, 0));
        }
    }

    private Listing List(string folder)
    {
        var listing = spare.TryPop(out var used) ? used : new Listing();
        try
        {
            Ignored += listing.Fill(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            listing.Clear();
            spare.Push(listing);
            throw new WclUsageException($"The folder '{folder}' cannot be listed: {e.Message}", e);
        }
        return listing;
    }

    /// <summary>The path with every link in it resolved.</summary>
    private static string RealPath(string path)
    {
        string real = Path.GetPathRoot(Path.GetFullPath(path))!;
        var parts = new Stack<string>(Path.GetFullPath(path)[real.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse());
        for (int links = 0; parts.TryPop(out string? part);)
        {
            string next = Path.Combine(real, part);
            // More than forty links are a loop for the system too.
            if (new DirectoryInfo(next).LinkTarget is not { } target || ++links > 40)
            {
                real = next;
                continue;
            }
            string full = Path.GetFullPath(target, real);
            real = Path.GetPathRoot(full)!;
            foreach (string piece in full[real.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse()) parts.Push(piece);
        }
        return real;
    }

    /// <summary>The folders and image files of one folder, sorted by the bytes of their names; folders' end in '/'.</summary>
    private sealed class Listing
    {
        private readonly ByteArena names = new();
        private readonly GrowingArray<byte> kinds = new();
        private int[] order = [];
        private bool hasConfig, hasRecord;

        public int Count => order.Length;

        /// <summary>Whether it is the folder of a run or a comparison.</summary>
        public bool IsResult => hasConfig && hasRecord;

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
                if (!isFolder && !ImageFormats.HasImageName(name))
                {
                    hasConfig |= name is "config.json";
                    hasRecord |= name is "train.log" or "metrics.jsonl" or "compare.json" or "draws.jsonl";
                    ignored++;
                    return false;
                }
                Add(name, isFolder, (entry.Attributes & FileAttributes.ReparsePoint) != 0);
                return true;
            }, new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false, RecurseSubdirectories = false });
            foreach (bool _ in entries) { }

            order = new int[names.Count];
            for (int i = 0; i < order.Length; i++) order[i] = i;
            order.AsSpan().Sort((a, b) => names[a].SequenceCompareTo(names[b]));
            return ignored;
        }

        public void Clear()
        {
            names.Clear();
            kinds.Clear();
            order = [];
            hasConfig = hasRecord = false;
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
}
