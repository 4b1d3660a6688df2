using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

public class KnownGradientTests
{
    [Theory]
    [InlineData(false)] // what a CPU takes
    [InlineData(true)]  // what other devices take
    public void Attach_GivesTheValueAndTheGradientsTimesWhatComesFromAbove(bool byOperators)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(3);
        Tensor Random() => randn([5, 3], ScalarType.Float64, generator: random);
        var (a, b, c) = (Random().requires_grad_(), Random().requires_grad_(), Random().requires_grad_());
        var (ga, gc) = (Random(), Random());
        var value = tensor(1.25);
        var joined = byOperators
            ? KnownGradient.ByOperators(value, [a, b, c], [ga.clone(), null, gc.clone()])
            : KnownGradient.Attach(value, [a, b, c], [ga.clone(), null, gc.clone()]);

        Assert.Equal(1.25, joined.ToDouble());
        joined.mul(3).backward();

        Assert.True(a.grad!.allclose(ga.mul(3)));
        Assert.True(c.grad!.allclose(gc.mul(3)));
        Assert.True(b.grad is null || b.grad.eq(0).all().ToBoolean());
    }
}
