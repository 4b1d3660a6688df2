using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>How far a kernel's result is from an exact one.</summary>
internal static class RelativeError
{
    /// <summary>Largest difference over the largest exact value (at least 0.001).</summary>
    /// <param name="exact">float64.</param>
    /// <param name="actual">The same shape, any dtype.</param>
    public static double Of(Tensor exact, Tensor actual)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(exact.shape, actual.shape);
        var difference = actual.detach().to(ScalarType.Float64) - exact.detach();
        return difference.abs().max().ToDouble() / Math.Max(1e-3, exact.abs().max().ToDouble());
    }
}
