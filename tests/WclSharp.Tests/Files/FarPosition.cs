namespace WclSharp.Tests.Files;

/// <summary>Where no file of most file systems may reach: what is written there fails as beyond a limit of the process.</summary>
internal static class FarPosition
{
    public const long Value = 1L << 62;

    /// <summary>Skips the test where the file system has files of any size, as tmpfs and XFS, or the error is another system's.</summary>
    public static void SkipUnlessRefused(string folder)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The error is Linux's.");
        using var file = new FileStream(Path.Combine(folder, "probe"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        try
        {
            RandomAccess.Write(file.SafeFileHandle, "x"u8, Value);
        }
        catch (ArgumentOutOfRangeException)
        {
            return;
        }
        Assert.Skip("The file system has files of any size.");
    }
}
