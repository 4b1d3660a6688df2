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
            WclException => last is null ? null : new WclException($"{e.Message} The last checkpoint is '{last}'.", e),
            ExternalException or AggregateException or IOException or UnauthorizedAccessException or OutOfMemoryException => new WclException(
                $"{OneLine(e)} {(last is null ? "Nothing was saved before; start again" : $"The last checkpoint is '{last}'; go on")} with --resume --out {folder}.", e),
            _ => null,
        };
    }

    /// <summary>The message as one sentence; libtorch's without its stack.</summary>
    public static string OneLine(Exception e) => e switch
    {
        AggregateException { InnerException: { } inner } => OneLine(inner),
        ExternalException native => LibtorchError.Describe(native).TrimEnd('.') + ".",
        _ => $"{ErrorText.Of(e)}.",
    };
}
