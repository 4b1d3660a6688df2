using System.Text;

namespace WclSharp.Data;

/// <summary>
/// Tells classes from paths: an image's class is the first folder below the folder that all images have in common.
/// </summary>
/// <remarks>
/// So <c>train/cat/1.jpg</c> beside <c>train/dog/1.jpg</c> gives cat and dog, <c>photos/1.jpg</c> alone gives no class, and
/// <c>set/train/cat/deep/1.jpg</c> works too. A common folder that bears the name of a given class is one.
/// </remarks>
/// <param name="given">Class names that are known beforehand; null where there are none.</param>
internal sealed class FolderClasses(IReadOnlyList<string>? given)
{
    private readonly HashSet<string>? known = given?.Select(ComposedText.Of).ToHashSet(StringComparer.Ordinal);
    private string? common;
    private byte[]? commonUtf8;

    /// <summary>Length of the common folder's path with its last '/', in bytes of UTF-8.</summary>
    public int CommonBytes => Common.Length;

    private byte[] Common => commonUtf8 ??= Encoding.UTF8.GetBytes(UpToGivenClass(common ?? ""));

    /// <summary>Takes an image's path into account.</summary>
    public void Observe(string path)
    {
        if (common is null) common = path[..(path.LastIndexOf('/') + 1)];
        while (!path.StartsWith(common, StringComparison.Ordinal)) common = common[..(common.LastIndexOf('/', common.Length - 2) + 1)];
        commonUtf8 = null;
    }

    /// <summary>UTF-8 name of the class of an image that was observed; empty for none.</summary>
    public ReadOnlySpan<byte> ClassOf(ReadOnlySpan<byte> utf8Path)
    {
        var rest = utf8Path[Common.Length..];
        int end = rest.IndexOf((byte)'/');
        return end < 0 ? [] : rest[..end];
    }

    /// <summary>Makes the class of an image known, once all were observed; gives its number, -1 for none.</summary>
    public int Meet(string path, ClassCatalog classes)
    {
        var name = ClassOf(Encoding.UTF8.GetBytes(path));
        return name.IsEmpty ? -1 : classes.Meet(name);
    }

    private string UpToGivenClass(string folder)
    {
        if (known is null) return folder;
        for (int start = 0, end; (end = folder.IndexOf('/', start)) >= 0; start = end + 1)
            if (known.Contains(ComposedText.Of(folder[start..end]))) return folder[..start];
        return folder;
    }
}
