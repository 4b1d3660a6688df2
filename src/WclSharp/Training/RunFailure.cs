using System.Runtime.InteropServices;
using WclSharp.Checkpoints;
using WclSharp.Native;

namespace WclSharp.Training;

/// <summary>What is said of an error that ends a run.</summary>
internal static class RunFailure
{
    /// <summary>The error with where the run stands and how it goes on; null for one that is told as it is.</summary>
    public static WclException? Explained(Exception e, CheckpointStore checkpoints, string folder)
    {
        string? last;
        try
        {
            last = checkpoints.Last;
        }
        catch (WclException)
        {
            last = null;
        }

        return e switch
        {
            WclUsageException => null,
            DivergedException => last is null ? null : new DivergedException(AndLast(e.Message, last), e),
            WclException => new WclException(AndGoOn(e.Message, last, folder), e),
            _ when IsOutOfMemory(e) => new WclException(OneLine(e) + (last is null
                ? " Nothing was saved before; start anew with a smaller --batch, with --accumulate or with a smaller --image-size, and with another --out."
                : $" The last checkpoint is '{last}'; a run keeps its options, so it goes on only where more memory is free, with --resume --out {folder}."), e),
            _ => new WclException($"{(IsOfTheMachine(e) ? "" : $"{e.GetType().Name}: ")}{AndGoOn(OneLine(e), last, folder)}", e),
        };
    }

    private static string AndGoOn(string message, string? last, string folder) =>
        $"{message} {(last is null ? "Nothing was saved before; start again" : $"The last checkpoint is '{last}'; go on")} with --resume --out {folder}.";

    private static string AndLast(string message, string last) => $"{message} The last checkpoint is '{last}'.";

    /// <summary>The message as one sentence; libtorch's without its stack.</summary>
    public static string OneLine(Exception e) => e switch
    {
        AggregateException { InnerException: { } inner } => OneLine(inner),
        ExternalException native => LibtorchError.Brief(native).TrimEnd('.') + ".",
        _ => $"{ErrorText.Of(e)}.",
    };

    /// <summary>Whether an error can come of the machine, and is none of the program.</summary>
    private static bool IsOfTheMachine(Exception e) => e is ExternalException or AggregateException or IOException or UnauthorizedAccessException or OutOfMemoryException;

    private static bool IsOutOfMemory(Exception e) => e switch
    {
        AggregateException { InnerException: { } inner } => IsOutOfMemory(inner),
        ExternalException native => LibtorchError.IsOutOfMemory(native),
        _ => e is OutOfMemoryException,
    };
}
