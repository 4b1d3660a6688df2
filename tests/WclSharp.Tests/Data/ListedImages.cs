using WclSharp.Data;

namespace WclSharp.Tests.Data;

/// <summary>Images that folders hold, or that lists and labels name.</summary>
internal static class ListedImages
{
    public static byte[] Jpeg { get; } = ImageFiles.Jpeg();

    /// <summary>A folder with three images.</summary>
    public static DataFolder Folder()
    {
        var folder = new DataFolder();
        foreach (string name in (string[])["img/a.jpg", "img/b.jpg", "img/c, d.jpg"]) folder.Write(name, Jpeg);
        return folder;
    }

    /// <summary>The names of all images.</summary>
    public static string[] Names(ImageDataset data) => [.. Enumerable.Range(0, data.Count).Select(data.NameOf)];

    /// <summary>The class of each image; null for none.</summary>
    public static string?[] Classes(ImageDataset data) => [.. data.Labels.ToArray().Select(label => label < 0 ? null : data.ClassNames[label])];
}
