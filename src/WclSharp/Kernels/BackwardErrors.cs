using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Takes exceptions of our backward functions past libtorch, which calls them: one that reached its frames would end the process,
/// and with it what could be said of a batch that is too large.
/// </summary>
internal static class BackwardErrors
{
    private const int More = 64; // than any function has inputs; what is too many is left off

    [ThreadStatic] private static bool running;
    [ThreadStatic] private static ExceptionDispatchInfo? first;

    /// <summary>A backward pass, whose first exception is thrown once libtorch has returned; what autograd gave back is freed.</summary>
    /// <param name="backward">Calls libtorch, which on a CPU calls back on this thread.</param>
    public static void Run(Action backward)
    {
        (running, first) = (true, null);
        try
        {
            backward();
        }
        catch when (first is not null)
        {
            // It follows from the first, which is the one to tell.
        }
        finally
        {
            running = false;
        }
        AutogradMemory.FreeReturned();
        var error = first;
        first = null;
        error?.Throw();
    }

    /// <summary>What a function kept for its backward pass, which frees it.</summary>
    /// <exception cref="InvalidOperationException">A backward pass has gone through here before.</exception>
    public static List<Tensor> Saved(autograd.AutogradContext context)
    {
        try
        {
            return context.get_saved_variables();
        }
        catch (ArgumentNullException e) // TorchSharp's, of a context that was disposed of
        {
            throw new InvalidOperationException("A backward pass has gone through this graph before, and what it takes is gone; run the forward pass again.", e);
        }
    }

    /// <summary>
    /// A backward function's work; where it fails within <see cref="Run"/> its gradients are undefined. Elsewhere, in a program that calls <c>backward</c> itself, the process may
    /// end in libtorch's frames before anybody can catch the error: it is written to standard error first.
    /// </summary>
    public static List<Tensor> Hold(Func<List<Tensor>> work)
    {
        try
        {
            // The engine records a backward pass only for create_graph, and what these functions return would be constants in that graph.
            if (is_grad_enabled()) throw new NotSupportedException("WclSharp's operators on the CPU have no second derivative, which create_graph asks for; an encoder in float64 takes libtorch's operators, which have one; the losses of WclSharp have none.");
            return work();
        }
        catch (Exception e) when (running)
        {
            first ??= ExceptionDispatchInfo.Capture(e);
            return [.. Enumerable.Repeat<Tensor>(null!, More)];
        }
        catch (Exception e)
        {
            Console.Error.WriteLine($"WclSharp: a backward pass failed, and libtorch, which called it, may end the process: {e}");
            throw;
        }
    }
}
