using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>Rows of unit length against libtorch's.</summary>
public class UnitRowsTests
{
    [Theory]
    [InlineData(ScalarType.Float64, 1e-13), InlineData(ScalarType.Float32, 1e-5)]
    public void Of_AgreesWithNormalize_AlsoForRowsOfZerosAndTinyOnes(ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(3);
        var x = randn([9000, 128], type, generator: random); // several tiles in float64
        x[4] = zeros(128, type);
        x[5] = full(128, 1e-15, type);
        var weights = randn([9000, 128], type, generator: random);
        var (one, other) = (x.clone().requires_grad_(), x.clone().requires_grad_());

        var (expected, actual) = (nn.functional.normalize(one), UnitRows.Of(other));
        Assert.True((expected - actual).abs().max().to(ScalarType.Float64).item<double>() <= tolerance);
        (expected * weights).sum().backward();
        (actual * weights).sum().backward();
        var apart = (one.grad! - other.grad!).abs().div(one.grad!.abs().amax([1], keepdim: true));
        Assert.True(apart.max().to(ScalarType.Float64).item<double>() <= tolerance);
        Assert.False(UnitRows.Of(x).requires_grad);
    }

    [Fact]
    public void Steps_LeaveNoTensorBehind()
    {
        LiveTensors.AssertNoneLeftBy(() =>
        {
            for (int i = 0; i < 3; i++)
            {
                using var scope = NewDisposeScope();
                using var x = ones(6, 4).requires_grad_();
                UnitRows.Of(x).mul(x).sum().backward();
                AutogradMemory.FreeReturned();
                x.grad!.Dispose();
            }
        });
    }
}
