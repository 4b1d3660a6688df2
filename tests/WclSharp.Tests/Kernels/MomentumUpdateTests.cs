using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>Momentum and decay in one pass over memory against operators in float64.</summary>
public sealed class MomentumUpdateTests
{
    private const double Momentum = 0.9, Decay = 5e-3, Rate = 0.1;

    [Fact]
    public void TryApply_OfEveryLayout_FollowsTheRule()
    {
        using var scope = NewDisposeScope();
        var random = new Generator(1);
        long[][] shapes = [[7], [33, 5], [40000], [48, 16, 3, 3], [32, 64, 1, 1], [1, 1]]; // a rest, several blocks, channels-last, one pixel
        var (weights, gradients, momenta) = (Lists(), Lists(), Lists());
        gradients[4] = gradients[4].contiguous().view(32, 64).clone().view(32, 64, 1, 1); // other strides of sides of 1 mean nothing
        Tensor[] w = Exact(weights), g = Exact(gradients), v = Exact(momenta);

        Assert.True(MomentumUpdate.TryApply(weights, gradients, momenta, Momentum, Decay, Rate));

        for (int i = 0; i < shapes.Length; i++)
        {
            var moved = v[i] * Momentum + g[i] + w[i] * Decay;
            Assert.True(momenta[i].to(ScalarType.Float64).allclose(moved, 1e-6, 1e-6));
            Assert.True(weights[i].to(ScalarType.Float64).allclose(w[i] - moved * Rate, 1e-6, 1e-6));
            Assert.True(gradients[i].to(ScalarType.Float64).allclose(g[i], 0, 0));
        }

        Tensor[] Lists() => Array.ConvertAll(shapes, shape => shape.Length == 4 ? ChannelsLast.Of(randn(shape, generator: random)) : randn(shape, generator: random));

        static Tensor[] Exact(Tensor[] tensors) => Array.ConvertAll(tensors, tensor => tensor.to(ScalarType.Float64));
    }

    [Fact]
    public void TryApply_OfAnotherLayoutOrType_LeavesAllAsItIs()
    {
        using var scope = NewDisposeScope();
        var last = ChannelsLast.Of(randn(8, 16, 3, 3));
        Refused(last, last.contiguous(), zeros_like(last));
        Refused(last, zeros_like(last), last.contiguous());
        Refused(randn(6, 4).t(), randn(4, 6), randn(4, 6));
        Refused(randn(6, 8).narrow(1, 0, 4), randn(6, 8).narrow(1, 0, 4), randn(6, 8).narrow(1, 0, 4)); // between its rows lies what is not its own
        Refused(randn([4], ScalarType.Float64), randn([4], ScalarType.Float64), randn([4], ScalarType.Float64));

        static void Refused(Tensor weight, Tensor gradient, Tensor momentum)
        {
            Tensor first = randn(5), before = first.clone(), kept = weight.clone();
            Assert.False(MomentumUpdate.TryApply([first, weight], [ones(5), gradient], [ones(5), momentum], Momentum, Decay, Rate));
            Assert.True(first.allclose(before, 0, 0));
            Assert.True(weight.allclose(kept, 0, 0));
        }
    }
}
