namespace WclSharp.Data;

/// <summary>Folders that systems and archivers make beside people's own: thumbnails, resource forks, what was deleted.</summary>
internal static class SystemFolders
{
    private static readonly string[] Names = ["@eaDir", "__MACOSX", "$RECYCLE.BIN", "#recycle", "System Volume Information", "lost+found"];

    /// <summary>True for the name of such a folder, whatever its case.</summary>
    public static bool Is(ReadOnlySpan<char> name)
    {
        foreach (string known in Names)
            if (name.Equals(known, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }
}
