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
    private int stride;

    /// <summary>Whether two operators joined.</summary>
    public bool IsShared => joined == 2;

    /// <summary>Counts an operator that leaves its gradient or adds to it.</summary>
    public void Join() => joined++;

    /// <summary>Leaves the first gradient.</summary>
    /// <param name="gradient">[N, H', W', C] contiguous; the sum owns it from now on.</param>
    /// <param name="stride">Pixels of the input between those of the gradient; elsewhere it is zero.</param>
    public void Leave(Tensor gradient, int stride) => (left, this.stride) = (gradient.DetachFromDisposeScope(), stride);

    /// <summary>Takes the first gradient and its stride; null where none was left yet. The caller owns it.</summary>
    public (Tensor Gradient, int Stride)? Take()
    {
        if (left is null) return null;
        var taken = (left, stride);
        left = null;
        return taken;
    }
}
