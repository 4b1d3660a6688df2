using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

public class KnownGradientTests
{
    [Fact]
    public void Attach_GivesTheValueAndTheGradientsTimesWhatComesFromAbove_AsOftenAsAsked()
    {
        using var scope = NewDisposeScope();
        var random = new Generator(3);
        Tensor Random() => randn([5, 3], ScalarType.Float64, generator: random);
        var (a, b, c) = (Random().requires_grad_(), Random().requires_grad_(), Random().requires_grad_());
        var (ga, gc) = (Random(), Random());
        var value = tensor(1.25);
        var joined = KnownGradient.Attach(value, [a, b, c], [ga, null, gc]);

        Assert.Equal(1.25, joined.ToDouble());
        var threefold = joined.mul(3);
        threefold.backward(retain_graph: true);
        joined.backward();

        Assert.True(a.grad!.allclose(ga.mul(4)));
        Assert.True(c.grad!.allclose(gc.mul(4)));
        Assert.True(b.grad is null || b.grad.eq(0).all().ToBoolean());
    }
}
