namespace WclSharp.Data;

/// <summary>What to do about a file that could not be written, by the cause.</summary>
internal static class WriteAdvice
{
    // errno of Linux and macOS as .NET hands them on, and Windows' own: no space, or none left of a quota.
    private static readonly int[] Full = OperatingSystem.IsWindows() ? [unchecked((int)0x80070070), unchecked((int)0x80070027)] : [28, OperatingSystem.IsMacOS() ? 69 : 122];

    /// <summary>Whether no space, or none of a quota, was left.</summary>
    public static bool IsFull(Exception problem) => Full.Contains(problem.HResult);

    /// <summary>Whether a file would have become larger than its file system or a limit of the process allows, for which .NET has no <see cref="IOException"/>.</summary>
    public static bool IsTooLarge(Exception problem) => problem is ArgumentOutOfRangeException { ParamName: "value" };

    /// <summary>Whether a file could not be written, and not the program is wrong.</summary>
    public static bool IsOfWriting(Exception problem) => problem is IOException or UnauthorizedAccessException || IsTooLarge(problem);

    /// <summary>Why a file could not be written, without a full stop.</summary>
    public static string Reason(Exception problem) => IsTooLarge(problem) ? "it is larger than files may be there" : ErrorText.Of(problem);

    /// <summary>A sentence without its full stop.</summary>
    /// <param name="problem">Why it could not be written.</param>
    /// <param name="option">The option that names the file; null where none does.</param>
    public static string For(Exception problem, string? option = null)
    {
        string with = option is null ? "" : $" with {option}";
        if (IsTooLarge(problem)) return $"Raise the limit on the size of files (ulimit -f){(option is null ? "" : $", or name a file on another disk{with}")}";
        if (!IsFull(problem)) return option is null ? "See that the disk is sound and that it can be written there" : $"Choose a file that you can write to{with}";
        return option is null ? "Free some space" : $"Free some space or name another file{with}";
    }
}
