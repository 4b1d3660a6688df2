using System.Runtime.InteropServices;

namespace WclSharp.Native;

/// <summary>What libtorch reports of an error: its message holds a stack, and does not know the options.</summary>
internal static class LibtorchError
{
    // What libtorch says of a GPU's memory and of the processor's.
    private static readonly string[] OutOfMemory = ["out of memory", "allocate memory", "not enough memory"];

    /// <summary>Whether memory ran out.</summary>
    public static bool IsOutOfMemory(ExternalException error) => OutOfMemory.Any(FirstLine(error).Contains);

    /// <summary>One line without the stack.</summary>
    public static string Brief(ExternalException error) => $"libtorch: {FirstLine(error)}";

    /// <summary>One line without the stack, and what to do where that is known.</summary>
    public static string Describe(ExternalException error) => IsOutOfMemory(error)
        ? $"{Brief(error).TrimEnd('.')}. Use a smaller --batch, or --accumulate, or a smaller --image-size."
        : Brief(error);

    private static string FirstLine(ExternalException error) => error.Message.Split('\n')[0].Trim();
}
