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
    /// <param name="loss">One number, with a gradient; this frees its graph, so it can be gone through once here.</param>
    /// <exception cref="ArgumentException">It is not one number, or carries no gradient.</exception>
    /// <exception cref="InvalidOperationException">Its graph was gone through before, and holds functions of this library.</exception>
    /// <exception cref="System.Runtime.InteropServices.ExternalException">libtorch failed, as where memory ran out, or where a graph of its operators alone was gone through before.</exception>
    public static void Run(Tensor loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        if (loss.numel() != 1) throw new ArgumentException($"A loss is one number, not {ShapeText.Of(loss)}; give its mean or sum.", nameof(loss));
        if (!loss.requires_grad) throw new ArgumentException("The loss carries no gradient: nothing that it is made of requires one, or it was made where gradients are off (no_grad).", nameof(loss));
        OpenMp.ForbidFewerThreads();
        BackwardErrors.Run(() => loss.backward());
    }
}
