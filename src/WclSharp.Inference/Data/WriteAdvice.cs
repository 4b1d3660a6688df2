namespace WclSharp.Data;

/// <summary>What to do about a file that could not be written, by the cause.</summary>
internal static class WriteAdvice
{
    // errno of Linux and macOS as .NET hands them on, and Windows' own: no space, or none left of a quota.
    private static readonly int[] Full = OperatingSystem.IsWindows() ? [unchecked((int)0x80070070), unchecked((int)0x80070027)] : [28, OperatingSystem.IsMacOS() ? 69 : 122];

    /// <summary>Whether no space, or none of a quota, was left.</summary>
    public static bool IsFull(Exception problem) => Full.Contains(problem.HResult);

    /// <summary>A sentence without its full stop.</summary>
    /// <param name="problem">Why it could not be written.</param>
    /// <param name="option">The option that names the file; null where none does.</param>
    public static string For(Exception problem, string? option = null)
    {
        string with = option is null ? "" : $" with {option}";
        if (!IsFull(problem)) return $"Choose a file that you can write to{with}";
        return option is null ? "Free some space" : $"Free some space or name another file{with}";
    }
}
