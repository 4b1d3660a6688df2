using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// The gradient of what two operators read, a residual block's input: the one whose backward comes first leaves its part here, and the other adds it to
/// its own where it computes that. By itself autograd would sum both in a pass of its own over three activations.
/// </summary>
/// <remarks>Operators that know of sums join one in their forward. Unless two did, each hands its gradient to autograd.</remarks>
internal sealed class GradientSum
{
    private int joined;
    private Tensor? left;

    private GradientSum() { }

    /// <summary>A sum for an input; null where it has no gradient, so that an operator may have no backward and would leave the other's part lying.</summary>
    public static GradientSum? Of(Tensor input) => input.requires_grad && is_grad_enabled() ? new GradientSum() : null;

    /// <summary>Whether two operators joined.</summary>
    public bool IsShared => joined == 2;

    /// <summary>Counts an operator that leaves its gradient or adds to it.</summary>
    public void Join() => joined++;

    /// <summary>Leaves the first gradient.</summary>
    /// <param name="gradient">[N, H, W, C] contiguous; the sum owns it from now on, and the other operator writes to it.</param>
    public void Leave(Tensor gradient) => left = gradient.DetachFromDisposeScope();

    /// <summary>Takes the first gradient; null where none was left yet. The caller owns it.</summary>
    public Tensor? Take()
    {
        var taken = left;
        left = null;
        return taken;
    }
}
