namespace WclSharp;

/// <summary>Other libraries' messages as part of ours.</summary>
internal static class ErrorText
{
    /// <summary>The message on one line, without a full stop.</summary>
    public static string Of(Exception e) => e.Message.ReplaceLineEndings(" ").TrimEnd('.');
}
