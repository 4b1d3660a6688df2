namespace WclSharp.Data;

/// <summary>Whether two paths are the same but for how they are written; a link and what it leads to are not.</summary>
internal static class SamePath
{
    /// <summary>Elsewhere two names that differ in case alone are mostly one file.</summary>
    private static readonly StringComparison Comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;

    /// <summary>Tells full paths apart as the system does.</summary>
    public static StringComparer Comparer => StringComparer.FromComparison(Comparison);

    public static bool Is(string? one, string? other) => string.Equals(Full(one), Full(other), Comparison);

    /// <summary>Whether two paths name one file, links followed, so that writing to one would change the other.</summary>
    public static bool IsSameFile(string one, string other) => string.Equals(Full(FileLinks.FinalTarget(one)), Full(FileLinks.FinalTarget(other)), Comparison);

    /// <summary>Whether a folder of images has another, or a list of images, inside it, whose images are read with it. An archive is none of its images.</summary>
    public static bool Holds(string? folder, string? other) => IsInside(other, folder) && (Directory.Exists(other) || Path.GetExtension(other)!.ToLowerInvariant() is ".csv" or ".tsv");

    /// <summary>Whether a path lies in a folder, or further inside it; the path need not be there.</summary>
    public static bool IsInside(string? path, string? folder) => Full(folder) is { } outer && Full(path) is { } inner && Directory.Exists(outer)
        && inner.StartsWith(outer.EndsWith(Path.DirectorySeparatorChar) ? outer : outer + Path.DirectorySeparatorChar, Comparison);

    private static string? Full(string? path) => path is null ? null : Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
}
