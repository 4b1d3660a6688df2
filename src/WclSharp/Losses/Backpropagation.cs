using WclSharp.Kernels;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>The backward pass of a loss, for a loop of one's own.</summary>
public static class Backpropagation
{
    /// <summary>
    /// Adds the gradients of a loss to those of its parameters, as <c>loss.backward()</c> does. An error in a function of this library, as where memory runs
    /// out, is thrown from here, where from a plain <c>backward()</c> it would have to pass libtorch and end the process; and what the last of them gave back is freed at once.
    /// </summary>
    /// <param name="loss">A scalar; its graph can be gone through once.</param>
    /// <exception cref="InvalidOperationException">It was gone through before.</exception>
    /// <exception cref="System.Runtime.InteropServices.ExternalException">libtorch failed, as where memory ran out.</exception>
    public static void Run(Tensor loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        OpenMp.ForbidFewerThreads();
        BackwardErrors.Run(() => loss.backward());
    }
}
