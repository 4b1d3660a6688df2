using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// A scalar whose gradient was found with it: value + s - s, with s = sum of x . g over the inputs x, whose gradient is g. Losses end the graph but for a factor, so the backward pass only
/// multiplies by what comes from above, and nothing that led to the gradient is kept.
/// </summary>
/// <remarks>
/// Operators of libtorch's, and no autograd function of our own: a second backward pass is an ordinary exception then, and passes with <c>retain_graph</c>. To a second derivative (<c>create_graph</c>)
/// g is a constant.
/// </remarks>
internal static class KnownGradient
{
    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers

    /// <summary>Joins a value to the graph of its inputs.</summary>
    /// <param name="value">Scalar without a gradient.</param>
    /// <param name="inputs">What it was computed from.</param>
    /// <param name="gradients">Its gradient to each input, of the input's shape; null for none.</param>
    /// <returns>Scalar; the caller owns it. The value itself where no gradient is given.</returns>
    public static Tensor Attach(Tensor value, Tensor[] inputs, Tensor?[] gradients)
    {
        if (gradients.All(gradient => gradient is null)) return value.alias();
        using var scope = NewDisposeScope();
        var slope = zeros_like(value);
        for (int i = 0; i < inputs.Length; i++)
            if (gradients[i] is { } gradient) slope = slope.add(inputs[i].mul(gradient).sum(), One);
        return slope.sub(slope.detach()).add(value, One).MoveToOuterDisposeScope();
    }
}
