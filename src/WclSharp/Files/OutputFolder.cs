using WclSharp.Data;

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
            throw new WclUsageException($"Cannot make the folder {folder}: {ErrorText.Of(e)}. Name another with --out.", e);
        }
    }

    /// <summary>Refuses a folder that results cannot be written into, before the work; leaves nothing there.</summary>
    /// <exception cref="WclUsageException">It cannot be made, or not be written to.</exception>
    public static void RequireWritable(string folder)
    {
        List<string> made = []; // the innermost first
        for (string? each = folder; each is not null && !Directory.Exists(each) && !File.Exists(each); each = Path.GetDirectoryName(each)) made.Add(each);
        Make(folder);
        try
        {
            TryWriting(folder);
            foreach (string each in made) Directory.Delete(each);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"Cannot write to {folder}: {ErrorText.Of(e)}. Name another folder with --out.", e);
        }
    }

    /// <summary>Refuses the folder of a run, or of other results that hang on settings, some of whose files are called as those that would be written.</summary>
    /// <exception cref="WclUsageException">It is one.</exception>
    public static void RequireNoResults(string folder)
    {
        if (File.Exists(Path.Combine(folder, ResultNames.Config)) && ResultNames.Records.Any(record => File.Exists(Path.Combine(folder, record)))) throw new WclUsageException($"The folder {folder} holds a run or other results; name another with --out.");
    }

    /// <summary>Whether a folder is there and files can be made in it.</summary>
    public static bool CanWrite(string? folder) => Directory.Exists(folder) && RefusalOf(folder) is null;

    /// <summary>Why no file can be made in a folder, without a full stop; null where one can.</summary>
    public static string? RefusalOf(string folder)
    {
        try
        {
            TryWriting(folder);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorText.Of(e);
        }
    }

    private static void TryWriting(string folder)
    {
        using var file = new FileStream(Path.Combine(folder, $".wcl-{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
    }
}
