namespace WclSharp;

/// <summary>Something went wrong that a person can act on; the message is one line that says what, with the value, and what to do.</summary>
public class WclException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The call or its input is wrong (exit code 2 of the command line).</summary>
public class WclUsageException(string message, Exception? inner = null) : WclException(message, inner);

/// <summary>An image cannot be read: it is none, damaged, or too large, or cannot be had now. Nothing else about the call is wrong.</summary>
public sealed class UnreadableImageException(string message, Exception? inner = null) : WclUsageException(message, inner)
{
    /// <summary>Whether the same image may be readable another time: where not the image is to blame but memory, the disk, the network, a permission or a file that is not there.</summary>
    public bool IsTransient { get; init; }
}
