using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>Products of pairs of bfloat16 against libtorch's of the same numbers in float64.</summary>
public sealed class PairKernelTests
{
    [Theory]
    [InlineData(8, 2, 32)]
    [InlineData(8, 10, 64)]
    [InlineData(16, 64, 96)]
    [InlineData(32, 66, 128)]
    [InlineData(40, 14, 160)]
    public unsafe void Multiply_AgreesWithLibtorch(int rows, int inner, int columns)
    {
        Assert.SkipUnless(PairKernel.IsSupported, "needs AVX-512's dot products of bfloat16 at a whole register's rate");
        using var scope = NewDisposeScope();
        var random = new Generator(5);
        var a = randn([rows, inner], generator: random).to(ScalarType.BFloat16);
        var b = randn([inner, columns], generator: random).to(ScalarType.BFloat16);
        var before = randn([rows, columns], generator: random);
        var product = a.to(ScalarType.Float64).mm(b.to(ScalarType.Float64));
        var pairsOfRows = a.t().contiguous().view(inner / 2, 2, rows).transpose(1, 2).contiguous();   // [inner / 2, rows, 2]
        var right = b.view(inner / 2, 2, columns).transpose(1, 2).contiguous();                       // [inner / 2, columns, 2]

        var c = before.clone();
        PairKernel.Multiply(TensorMemory.Start(a), inner / 2, 1, TensorMemory.Start(right), columns, TensorMemory.Start(c), columns, rows, inner / 2, columns, add: false);
        Assert.InRange(RelativeError.Of(product, c), 0, 1e-6);

        PairKernel.Multiply(TensorMemory.Start(pairsOfRows), 1, rows, TensorMemory.Start(right), columns, TensorMemory.Start(c), columns, rows, inner / 2, columns, add: true);
        Assert.InRange(RelativeError.Of(2 * product, c), 0, 1e-6);
    }

    [Theory]
    [InlineData(1, 32)]
    [InlineData(7, 64)]
    [InlineData(24, 96)]
    public unsafe void PairRows_PairsEachRowWithTheNext(int rows, int columns)
    {
        using var scope = NewDisposeScope();
        var numbers = randn([rows, columns], generator: new Generator(6)).to(ScalarType.BFloat16);
        var paired = zeros([(rows + 1) / 2, columns, 2], ScalarType.BFloat16);
        TileKernel<BFloat16Elements>.PairRows(TensorMemory.Start(numbers), rows, columns, TensorMemory.Start(paired));
        Assert.True(paired.transpose(1, 2).reshape(-1, columns).narrow(0, 0, rows).equal(numbers).all().ToBoolean());
        if (rows % 2 == 1) Assert.Equal(0, paired.select(2, 1).select(0, -1).abs().sum().ToSingle());
    }
}
