using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>Products in the cache against libtorch's in float64.</summary>
public sealed class MatrixKernelTests
{
    /// <summary>WCLSHARP_EXPECT says what a pass of the tests is there to see (.ci/run): with AVX-512 switched off it must be off.</summary>
    [Fact]
    public void IsSupported_WhereExpectedOff_IsFalse()
    {
        string? expected = Environment.GetEnvironmentVariable("WCLSHARP_EXPECT");
        Assert.True(expected is null or "" or "no-avx512" or "gpu", $"WCLSHARP_EXPECT is {expected}; use no-avx512 or gpu, or leave it unset.");
        if (expected == "no-avx512") Assert.False(MatrixKernel.IsSupported || PairKernel.IsSupported || AmxKernel.IsSupported);
    }

    [Theory]
    [InlineData(8, 1, 32)]
    [InlineData(8, 5, 64)]
    [InlineData(16, 64, 96)]
    [InlineData(32, 33, 128)]
    [InlineData(40, 7, 160)]
    public unsafe void Multiply_AgreesWithLibtorch(int rows, int inner, int columns)
    {
        Assert.SkipUnless(MatrixKernel.IsSupported, "needs AVX-512");
        using var scope = NewDisposeScope();
        var random = new Generator(5);
        var a = randn([rows, inner], generator: random);
        var transposed = a.t().contiguous();
        var b = randn([inner, columns], generator: random);
        var before = randn([rows, columns], generator: random);
        var product = a.to(ScalarType.Float64).mm(b.to(ScalarType.Float64));

        var c = before.clone();
        MatrixKernel.Multiply(TensorMemory.Start(a), inner, 1, TensorMemory.Start(b), columns, TensorMemory.Start(c), columns, rows, inner, columns, add: false);
        Assert.InRange(RelativeError.Of(product, c), 0, 1e-6);

        MatrixKernel.Multiply(TensorMemory.Start(transposed), 1, rows, TensorMemory.Start(b), columns, TensorMemory.Start(c), columns, rows, inner, columns, add: true);
        Assert.InRange(RelativeError.Of(2 * product, c), 0, 1e-6);
    }
}
