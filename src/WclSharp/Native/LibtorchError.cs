using System.Runtime.InteropServices;

namespace WclSharp.Native;

/// <summary>What libtorch reports of an error: its message holds a stack, and does not know the options.</summary>
internal static class LibtorchError
{
    // What libtorch, and CUDA's libraries through it, say of a GPU's memory and of the processor's. Of a convolution that finds no memory to work in it says that no engine computes it.
    private static readonly string[] OutOfMemory = ["out of memory", "allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "unable to find an engine to execute this computation"];

    // Options that need less memory, as advice.
    private static readonly (string Option, string Advice)[] Smaller = [("--batch", "a smaller --batch"), ("--accumulate", "--accumulate"), ("--image-size", "a smaller --image-size")];

    /// <summary>Whether memory ran out.</summary>
    public static bool IsOutOfMemory(ExternalException error) => OutOfMemory.Any(Reason(error).Contains);

    /// <summary>One line without the stack.</summary>
    public static string Brief(ExternalException error) => $"libtorch: {Reason(error)}";

    /// <summary>One line without the stack, and what to do where that is known.</summary>
    /// <param name="error">The error.</param>
    /// <param name="options">Options of the command that failed, with their dashes.</param>
    public static string Describe(ExternalException error, IReadOnlyCollection<string> options)
    {
        if (!IsOutOfMemory(error)) return Brief(error);
        string[] smaller = [.. Smaller.Where(each => options.Contains(each.Option)).Select(each => each.Advice)];
        string advice = smaller.Length > 0 ? $"Use {string.Join(", or ", smaller)}."
            : OnGpu(error) && options.Contains("--device") ? "End other programs that use the GPU, or use --device cpu."
            : "End other programs that take memory.";
        return $"{Brief(error).TrimEnd('.')}. {advice}";
    }

    private static bool OnGpu(ExternalException error) => Reason(error) is var line && (line.Contains("CUDA", StringComparison.Ordinal) || line.Contains("cuDNN", StringComparison.Ordinal));

    /// <summary>The line that says what went wrong: the first, but of TorchScript's errors, whose first says that there was one and a trace follows.</summary>
    private static string Reason(ExternalException error)
    {
        const string Raised = "RuntimeError:";
        string[] lines = error.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (lines is [] || !lines[0].Contains("TorchScript interpreter", StringComparison.Ordinal)) return lines.FirstOrDefault("");
        string last = lines.LastOrDefault(line => line.StartsWith(Raised, StringComparison.Ordinal)) ?? lines[^1];
        return last.StartsWith(Raised, StringComparison.Ordinal) ? last[Raised.Length..].Trim() : last;
    }
}
