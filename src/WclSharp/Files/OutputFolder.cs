namespace WclSharp.Files;

/// <summary>Folders that results are written into.</summary>
internal static class OutputFolder
{
    /// <summary>Makes a folder where there is none.</summary>
    /// <exception cref="WclUsageException">It cannot be made.</exception>
    public static void Make(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"Cannot make the folder {folder}: {e.Message.TrimEnd('.')}. Name another with --out.", e);
        }
    }
}
