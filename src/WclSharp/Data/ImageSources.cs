namespace WclSharp.Data;

/// <summary>Finds out what kind of source a path is.</summary>
internal static class ImageSources
{
    /// <summary>Opens a source.</summary>
    /// <exception cref="WclUsageException">The path does not exist, or is nothing that is read.</exception>
    public static ImageSource Open(DatasetOptions options)
    {
        if (options.Path is not { } path) return IdxSource.Embedded();
        if (File.Exists(path)) return IdxSource.FromFile(path);
        throw new WclUsageException($"There is no file or folder '{path}'.");
    }
}
