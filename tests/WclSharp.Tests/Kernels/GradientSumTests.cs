using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Kernels;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>The gradient of a residual block's input, summed where its second part is computed, against autograd's own sum.</summary>
public sealed class GradientSumTests
{
    [Theory]
    [InlineData(128, 32, 1, true, 20)]
    [InlineData(64, 32, 1, true, 20)] // a convolution around the block
    [InlineData(64, 32, 2, true, 20)]    // one of stride 2
    [InlineData(64, 32, 2, true, 8)]     // too few images for tile registers, but not for those of 1 x 1 kernels and stride 1
    [InlineData(128, 32, 1, false, 20)] // the last batch norm is libtorch's, which knows nothing of sums
    public void Bottleneck_HasTheGradientsOfAutograd(int inChannels, int channels, int stride, bool training, int images)
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        using var block = Block(inChannels, channels, stride);
        Part<BatchNormalization>("bn3").train(training);
        bool around = block.named_children().Any(child => child.name == "downsample");
        Assert.Equal(inChannels != 4 * channels, around);
        var start = ChannelsLast.Of(randn([images, inChannels, 9, 7], generator: new Generator(5))).to(ScalarType.BFloat16);

        AssertSame(Gradients(block, Plain, start), Gradients(block, block.call, start), 2.0 / 256); // two roundings to 8 binary digits

        Tensor Plain(Tensor x)
        {
            var y = Part<BatchNormalization>("bn1").Activate(Part<Convolution>("conv1").call(x));
            y = Part<BatchNormalization>("bn2").Activate(Part<Convolution>("conv2").call(y));
            return Last(Part<BatchNormalization>("bn3"), Part<Convolution>("conv3").call(y), x, around ? Part<Shortcut>("downsample") : null);
        }

        T Part<T>(string name) where T : nn.Module => Child<T>(block, name);
    }

    [Theory]
    [InlineData(64, 64, 1, true, ScalarType.Float32)]    // tiles in the cache
    [InlineData(256, 256, 1, true, ScalarType.Float32)]  // by chunks
    [InlineData(64, 96, 1, true, ScalarType.Float32)]    // a convolution around the block, libtorch's
    [InlineData(64, 64, 1, false, ScalarType.Float32)]   // the last batch norm is libtorch's, which knows nothing of sums
    [InlineData(64, 64, 1, true, ScalarType.BFloat16)]
    [InlineData(256, 256, 1, true, ScalarType.BFloat16)]
    [InlineData(64, 96, 1, true, ScalarType.BFloat16)]   // a convolution around the block, which leaves the first gradient
    [InlineData(64, 96, 2, true, ScalarType.BFloat16)]
    public void BasicBlock_HasTheGradientsOfAutograd(int inChannels, int channels, int stride, bool training, ScalarType type)
    {
        if (type == ScalarType.BFloat16) SkipUnlessSupported();
        using var scope = NewDisposeScope();
        using var block = new BasicBlock(inChannels, channels, stride, new ParameterInitializer(seed: 1));
        foreach (var convolution in block.modules().OfType<Convolution>()) convolution.RoundsTiles = true;
        Child<BatchNormalization>(block, "bn2").train(training);
        bool around = block.named_children().Any(child => child.name == "downsample");
        var start = ChannelsLast.Of(randn([20, inChannels, 9, 7], generator: new Generator(5))).to(type);

        AssertSame(Gradients(block, Plain, start), Gradients(block, block.call, start), type == ScalarType.Float32 ? 1e-6 : 2.0 / 256);

        Tensor Plain(Tensor x)
        {
            var y = Child<BatchNormalization>(block, "bn1").Activate(Child<Convolution>(block, "conv1").call(x));
            return Last(Child<BatchNormalization>(block, "bn2"), Child<Convolution>(block, "conv2").call(y), x, around ? Child<Shortcut>(block, "downsample") : null);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    [InlineData(2, 2)]
    public void TwoConvolutions_OfAnyStrides_SumTheirGradients(int firstStride, int secondStride)
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        var random = new Generator(9);
        Tensor[] weights = [.. Enumerable.Range(0, 2).Select(_ => ChannelsLast.Of(randn([32, 64, 1, 1], generator: random)))];
        var start = ChannelsLast.Of(randn([3, 64, 7, 6], generator: random).to(ScalarType.BFloat16));

        var (alone, shared) = (Gradient(_ => null), Gradient(GradientSum.Of));

        Assert.Equal(1, shared.stride(1)); // channels-last
        Assert.InRange(RelativeError.Of(alone.to(ScalarType.Float64), shared), 0, 2.0 / 256); // two roundings to 8 binary digits

        Tensor Gradient(Func<Tensor, GradientSum?> sumOf)
        {
            var x = start.detach().requires_grad_();
            var sum = sumOf(x);
            Tensor[] outputs = [.. weights.Zip([firstStride, secondStride], (weight, stride) => Convolve(x, weight.detach().requires_grad_(), stride, sum))];
            (outputs[0].square().sum() + outputs[1].sum()).backward();
            return x.grad!.clone();
        }

        static Tensor Convolve(Tensor x, Tensor weight, int stride, GradientSum? sum) => AmxKernel.IsSupported
            ? AmxConvolution.Apply(x, weight, stride, sum)
            : DirectConvolution.Apply(x, weight, stride, (image, kernel) => nn.functional.conv2d(image, kernel, null, [stride, stride]), sum);
    }

    [Fact]
    public void Bottleneck_LeavesNoTensorBehind()
    {
        SkipUnlessSupported();
        LiveTensors.OnOwnThread(() =>
        {
            Train(); // workspaces stay
            long before = LiveTensors.Count;
            Train();
            Assert.Equal(before, LiveTensors.Count);
        });

        static void Train()
        {
            using var scope = NewDisposeScope();
            using var block = Block(128, 32, 1);
            var x = ChannelsLast.Of(randn([20, 128, 8, 8]).to(ScalarType.BFloat16)).requires_grad_();
            BackwardErrors.Run(() =>
            {
                using var y = block.call(x);
                using var sum = y.sum();
                sum.backward();
            });
            foreach (var parameter in block.parameters()) parameter.grad!.Dispose();
            x.grad!.Dispose();
        }
    }

    [Fact]
    public void BasicBlock_WhoseBeginningIsFrozen_LeavesNoTensorBehind()
    {
        // Its first convolution has no backward then, so nobody would take what the last batch norm left.
        LiveTensors.OnOwnThread(() =>
        {
            using var block = new BasicBlock(64, 64, 1, new ParameterInitializer(seed: 1));
            foreach (var parameter in Child<nn.Module>(block, "conv1").parameters().Concat(Child<nn.Module>(block, "bn1").parameters())) parameter.requires_grad_(false);
            Train(); // workspaces and gradients stay
            long before = LiveTensors.Count;
            Train();
            Assert.Equal(before, LiveTensors.Count);

            void Train()
            {
                using var scope = NewDisposeScope();
                BackwardErrors.Run(() => block.call(ChannelsLast.Of(randn([2, 64, 8, 8]))).sum().backward());
            }
        });
    }

    [Fact]
    public void Blocks_CallTheirConvolutions_SoThatHooksSeeThem()
    {
        using var scope = NewDisposeScope();
        using var network = new ResNet(EncoderArch.ResNet18, 32, EncoderStem.Small, seed: 1);
        var parts = network.named_modules().Where(part => part.module is Convolution).Select(part => (nn.Module<Tensor, Tensor>)part.module).ToArray();
        int fired = 0;
        foreach (var part in parts) part.register_forward_hook((_, _, output) => { fired++; return output; });
        network.call(randn([2, 3, 32, 32]));
        Assert.Equal(parts.Length, fired);
    }

    private static Tensor Last(BatchNormalization norm, Tensor y, Tensor x, Shortcut? around) =>
        around is null ? norm.Activate(y, x) : norm.Join(y, Child<Convolution>(around, "0").call(x), Child<BatchNormalization>(around, "1"));

    private static T Child<T>(nn.Module block, string name) where T : nn.Module => (T)block.named_children().Single(child => child.name == name).module;

    private static (Tensor Input, Tensor[] Weights) Gradients(nn.Module block, Func<Tensor, Tensor> forward, Tensor start)
    {
        block.zero_grad();
        var x = start.detach().requires_grad_();
        var y = forward(x);
        y.backward([randn(y.shape, generator: new Generator(6)).to(start.dtype)]);
        return (x.grad!.clone(), [.. block.parameters().Select(parameter => parameter.grad!.clone())]);
    }

    private static void AssertSame((Tensor Input, Tensor[] Weights) autograd, (Tensor Input, Tensor[] Weights) summed, double rounding)
    {
        Assert.Equal(1, summed.Input.stride(1)); // channels-last
        Assert.InRange(RelativeError.Of(autograd.Input.to(ScalarType.Float64), summed.Input), 0, rounding);
        Assert.All(autograd.Weights.Zip(summed.Weights), pair => Assert.True(pair.First.equal(pair.Second).all().ToBoolean()));
    }

    private static Bottleneck Block(int inChannels, int channels, int stride) => new(inChannels, channels, stride, new ParameterInitializer(seed: 1));

    private static void SkipUnlessSupported() => Assert.SkipUnless(PairKernel.IsSupported || AmxKernel.IsSupported, "needs AVX-512's dot products of bfloat16 at a whole register's rate, or tile registers (AMX)");
}
