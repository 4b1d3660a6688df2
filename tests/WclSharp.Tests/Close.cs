using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Tests;

/// <summary>Comparisons that say by how much they failed.</summary>
internal static class Close
{
    public static void Relative(double expected, double actual, double tolerance, string what)
    {
        double error = Math.Abs(actual - expected) / Math.Max(Math.Abs(expected), 1e-300);
        Assert.True(error <= tolerance || actual == expected, $"{what}: {actual:R} where {expected:R} was expected, off by {error:E2}, allowed {tolerance:E0}");
    }

    /// <summary>The norm of the difference against the norm of what was expected.</summary>
    public static void ToNorm(Tensor expected, Tensor actual, double tolerance, string what)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        double error = (actual.to(ScalarType.Float64) - expected.to(ScalarType.Float64)).norm().ToDouble() / expected.to(ScalarType.Float64).norm().ToDouble();
        Assert.True(error <= tolerance, $"{what}: off by {error:E2} of its norm, allowed {tolerance:E0}");
    }
}
