using System.Runtime.InteropServices;

namespace WclSharp.Native;

/// <summary>libtorch refused or failed, above all for want of memory. The message is one line; the error of libtorch's, with its stack, is inside.</summary>
internal sealed class LibtorchException : WclException
{
    private LibtorchException(ExternalException error) : base(LibtorchError.Describe(error, []), error) => Error = error;

    /// <summary>What libtorch threw.</summary>
    public ExternalException Error { get; }

    /// <summary>Does something, whose errors of libtorch's become one that is told in a line.</summary>
    /// <exception cref="LibtorchException">libtorch failed.</exception>
    public static T InsteadOf<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (ExternalException e) when (IsLibtorchs(e))
        {
            throw new LibtorchException(e);
        }
        catch (AggregateException e) when (e.InnerException is ExternalException inner && IsLibtorchs(inner))
        {
            throw new LibtorchException(inner);
        }
    }

    /// <summary>Whether it is what TorchSharp throws, and not one of the exceptions that derive from that type, as a socket's does.</summary>
    private static bool IsLibtorchs(ExternalException error) => error.GetType() == typeof(ExternalException);
}
