namespace WclSharp.Data;

/// <summary>Links to files that are written.</summary>
internal static class FileLinks
{
    /// <summary>What a link leads to, since a file of the link's name would take its place; a path that is no link is itself.</summary>
    public static string FinalTarget(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return path; // what is wrong with it is told when it is written
        }
    }
}
