namespace WclSharp.Data;

/// <summary>
/// Image files of a folder and its folders, in ordinal order of their paths, found while they are read.
/// </summary>
/// <remarks>
/// One folder's names are in memory at a time (and those of the folders above it), as bytes. Names that begin with a dot
/// are left out, as are systems' folders and files that have no image's name. A link to a folder is followed where what it leads to is not read anyway: once, and
/// not to a folder that it lies in, so that loops end. A link to a file that is read anyway is left out. Folders that <c>wcl</c> wrote a run or a comparison
/// into are left out with all that is in them: their plots are no training images; so is the sheet of <c>wcl suggest</c>. An inner folder that cannot be listed is told of, and counts with the images that cannot be read (<see cref="Unlisted"/>).
/// </remarks>
internal sealed class FolderSource(string root) : ImageSource
{
    private const char NotUtf8 = '\uFFFD'; // what .NET makes of bytes that are none
    private const int MostLinks = 40; // more are a loop for the system too
    private const int EntriesPerShare = 64, LeastEntries = 3;

    private readonly Stack<FolderListing> spare = [];
    private readonly HashSet<string> linked = new(StringComparer.Ordinal);
    private string? unlistable, results, again, otherData;
    private int linksAgain;
    private readonly List<(string Folder, string Reason)> unlisted = [];
    private (string Folder, string RealPath, bool IsRead)? lastTarget; // where the last link to a file led: the next mostly leads to the same folder

    /// <inheritdoc/>
    public override string Description => $"folder '{root}'";

    /// <inheritdoc/>
    public override bool ClassesAreFolders => true;

    /// <inheritdoc/>
    public override string Expected => $"{ImageFormats.Names} files, in a folder per class where there are classes{OtherData.InFolder(otherData)}";

    /// <inheritdoc/>
    public override IEnumerable<string> Warnings => new[] { unlistable, results, again }.OfType<string>();

    /// <inheritdoc/>
    public override IReadOnlyList<(string Folder, string Reason)> Unlisted => unlisted;

    /// <inheritdoc/>
    public override string? FileOf(string name) => Path.Combine(root, name);

    /// <inheritdoc/>
    public override IEnumerable<SourceImage> Images(Func<int, bool> wanted)
    {
        Ignored = 0;
        unlistable = results = again = otherData = null;
        linksAgain = 0;
        unlisted.Clear();
        linked.Clear();
        lastTarget = null;
        Share = 0;
        int position = 0;
        foreach (string name in FileNames())
        {
            yield return wanted(position) ? new() { Name = name, File = FileOf(name) } : new() { Name = name };
            position++;
        }

        Share = 1;
    }

    /// <summary>Names of all image files, depth first. No recursion: each level's listing is on a stack.</summary>
    private IEnumerable<string> FileNames()
    {
        var levels = new Stack<(FolderListing Listing, string Prefix, string RealPath, int Next)>();
        string real = RealPath(root);
        linked.Add(real); // below a folder above it, to which a link may lead
        var top = List(root);
        if (top.HasSheet) TellOfSheet("");
        levels.Push((top, "", real, 0));
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
            if (next % EntriesPerShare == 0)
            {
                // Folders differ, as train and test do: only of several one says how many images the others have.
                bool isTold = levels.LastOrDefault(at => at.Listing.Count > 1) is { Listing: not null } outermost && outermost.Next > LeastEntries;
                Share = isTold ? levels.Aggregate(0.0, (inner, at) => (at.Next - 1 + inner) / at.Listing.Count) : 0;
            }

            var (name, isFolder, isLink) = listing[next];
            if (!isFolder)
            {
                if (isLink && ReadWithout(realPath, name, real) is { } file) TellOfAgain("file", prefix + name, file);
                else yield return prefix + name;
                continue;
            }

            string path = prefix + name; // a folder's name ends in '/'
            string target = Path.Combine(realPath, name.TrimEnd('/'));
            if (isLink) target = RealPath(target);
            if (isLink ? levels.Any(above => above.RealPath == target) || IsReadByItself(target, real) || !linked.Add(target) : linked.Contains(target))
            {
                TellOfAgain("folder", path.TrimEnd('/'), target);
                continue;
            }
            if (isLink) lastTarget = null;
            FolderListing inner;
            try
            {
                inner = List(Path.Combine(root, path));
            }
            catch (WclUsageException e)
            {
                // No reason to stop at what may be the millionth image, but none to be silent either: nobody knows how many are in it.
                TellOfUnlisted(path, e);
                continue;
            }
            if (inner.IsResult)
            {
                results ??= $"The folder '{Path.Combine(root, path)}' holds results of wcl, so its pictures are left out, as are those of others like it.";
                inner.Clear();
                spare.Push(inner);
                continue;
            }
            if (inner.HasSheet) TellOfSheet(path);
            levels.Push((inner, path, target, 0));
        }
    }

    /// <summary>Whether a folder that a link leads to is read without the link: below the root, or below what another link leads to, and not hidden on the way.</summary>
    private bool IsReadByItself(string target, string realRoot)
    {
        bool hidden = false;
        for (string? folder = target; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (!hidden && (folder == realRoot || linked.Contains(folder))) return true;
            hidden |= Path.GetFileName(folder).StartsWith('.') || SystemFolders.Is(Path.GetFileName(folder)) || FolderListing.IsResultFolder(folder);
        }
        return false;
    }

    /// <summary>The file that a link in a folder leads to, where that is read without it; null for what else has the mark of a link, too.</summary>
    private string? ReadWithout(string realFolder, string name, string realRoot)
    {
        string path = Path.Combine(realFolder, name);
        bool isRead = false;
        for (int links = 0; new FileInfo(path).LinkTarget is { } target; links++)
        {
            if (links == MostLinks) return null;
            target = Path.GetFullPath(target, Path.GetDirectoryName(path)!);
            if (Path.GetDirectoryName(target) is not { } folder) return null;
            if (lastTarget?.Folder != folder)
            {
                string realTarget = RealPath(folder);
                lastTarget = (folder, realTarget, IsReadByItself(realTarget, realRoot));
            }
            path = Path.Combine(lastTarget.Value.RealPath, Path.GetFileName(target));
            isRead = lastTarget.Value.IsRead;
        }
        var end = Path.GetFileName(path.AsSpan());
        return isRead && end is not ['.', ..] && ImageFormats.HasImageName(end) && File.Exists(path) ? path : null;
    }

    private void TellOfUnlisted(string path, WclUsageException e)
    {
        unlisted.Add((path.TrimEnd('/'), path.Contains(NotUtf8) ? "the folder cannot be listed: its name is not UTF-8; rename it" : "the folder cannot be listed, so all images in it are missing"));
        unlistable = unlisted.Count == 1 ? $"{ErrorText.Of(e)}. All images in it are missing{(path.Contains(NotUtf8) ? "; its name is not UTF-8, rename it" : "")}."
            : FormattableString.Invariant($"{unlisted.Count:N0} folders, as '{Path.Combine(root, path)}', cannot be listed, so all images in them are missing.");
    }

    private void TellOfAgain(string kind, string name, string target)
    {
        Ignored++;
        linksAgain++;
        again = linksAgain == 1 ? $"The {kind} '{Path.Combine(root, name)}' is passed over: what it leads to, '{target}', is read under another name."
            : FormattableString.Invariant($"{linksAgain:N0} names, as '{Path.Combine(root, name)}', are passed over: what they lead to is read under other names.");
    }

    private void TellOfSheet(string folder) => results ??= $"'{Path.Combine(root, folder, ResultNames.Sheet)}' is a sheet of wcl suggest, so it is left out, as are others like it.";

    private FolderListing List(string folder)
    {
        var listing = spare.TryPop(out var used) ? used : new FolderListing();
        try
        {
            Ignored += listing.Fill(folder);
            if (listing.Other is { } other) otherData ??= Path.Combine(folder, other);
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
            if (new DirectoryInfo(next).LinkTarget is not { } target || ++links > MostLinks)
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
}
