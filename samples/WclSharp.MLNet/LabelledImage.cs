namespace WclSharp.Samples.MLNet;

/// <summary>An image file and its class.</summary>
internal sealed record LabelledImage(string Path, string Label)
{
    private static readonly string[] Endings = [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"];

    /// <summary>Images of a folder with a folder per class, or of a list of path,label whose paths are relative to it; in the order of their names or of the list. Those without a label are passed over.</summary>
    public static LabelledImage[] Find(string source)
    {
        if (Directory.Exists(source))
            return [.. Directory.GetDirectories(source).Order(StringComparer.Ordinal)
                .SelectMany(folder => Directory.GetFiles(folder).Where(file => Endings.Contains(System.IO.Path.GetExtension(file).ToLowerInvariant())).Order(StringComparer.Ordinal).Select(file => new LabelledImage(file, System.IO.Path.GetFileName(folder))))];
        if (!File.Exists(source)) throw new WclUsageException($"There is no folder or list '{source}'; give a folder with a folder per class, or a file of path,label lines.");
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(source))!;
        return [.. File.ReadLines(source).Where(line => line.Contains(',') && line != "path,label")
            .Select(line => new LabelledImage(System.IO.Path.Combine(folder, line[..line.LastIndexOf(',')].Trim().Trim('"')), line[(line.LastIndexOf(',') + 1)..].Trim().Trim('"')))
            .Where(image => image.Label.Length > 0)];
    }
}
