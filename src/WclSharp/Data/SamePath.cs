namespace WclSharp.Data;

/// <summary>Whether two paths are the same but for how they are written; a link and what it leads to are not.</summary>
internal static class SamePath
{
    public static bool Is(string? one, string? other) => Full(one) == Full(other);

    private static string? Full(string? path) => path is null ? null : Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
}
