using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// The gradient of a tensor that two operators read: a residual block's input. The operator whose backward comes first leaves its part here and gives autograd none.
/// The other takes that part, adds its own to it and gives autograd the whole. Autograd by itself would add the two in a pass of its own over three activations.
/// </summary>
/// <remarks>
/// An operator that keeps to this joins the sum in its forward; libtorch's never join. Backward, an operator uses the sum only where exactly two joined, and otherwise gives autograd its own gradient,
/// so any mixture of operators is right. docs/kernels.md says who joins when.
/// </remarks>
internal sealed class GradientSum
{
    private int joined;
    private Tensor? first; // the part that was left and not taken yet

    private GradientSum() { }

    /// <summary>A sum for an input. Null where the input has no gradient: one of its readers may then have no backward, and would never take the part that the other left.</summary>
    /// <param name="input">What two operators are about to read.</param>
    public static GradientSum? Of(Tensor input) => input.requires_grad && is_grad_enabled() ? new GradientSum() : null;

    /// <summary>Whether two operators joined.</summary>
    public bool IsShared => joined == 2;

    /// <summary>Counts an operator that will leave its part, or take the other's and add to it.</summary>
    public void Join() => joined++;

    /// <summary>Leaves the first part.</summary>
    /// <param name="gradient">[N, H, W, C] contiguous; the sum owns it from now on, and the other operator writes to it.</param>
    public void Leave(Tensor gradient) => first = gradient.DetachFromDisposeScope();

    /// <summary>Takes the first part; null where none was left yet. The caller owns it.</summary>
    public Tensor? Take()
    {
        var taken = first;
        first = null;
        return taken;
    }
}
