using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>Convolutions of bfloat16 in tile registers, against libtorch's in float64.</summary>
public sealed class AmxConvolutionTests
{
    [Theory]
    [InlineData(3, 32, 32, 1, 1, 5, 7)]       // pixels that 32 does not divide
    [InlineData(2, 64, 96, 1, 1, 24, 24)]
    [InlineData(1, 160, 32, 1, 1, 23, 11)]
    [InlineData(2, 512, 1024, 1, 1, 9, 9)]
    [InlineData(2, 1024, 288, 1, 1, 9, 9)]
    [InlineData(33, 64, 128, 1, 2, 7, 8)]     // one image more than a group; a stride that leaves a column over
    [InlineData(16, 32, 64, 1, 2, 1, 1)]      // half of a group
    [InlineData(40, 64, 64, 3, 1, 5, 3)]
    [InlineData(40, 64, 64, 3, 1, 32, 32)]    // results past the caches
    [InlineData(70, 32, 64, 3, 1, 1, 1)]      // most taps see nothing but padding
    [InlineData(17, 64, 32, 3, 1, 24, 40)]    // rows that take each other's places
    [InlineData(33, 64, 128, 3, 2, 7, 8)]     // padding on every side
    [InlineData(35, 96, 32, 3, 2, 16, 16)]
    [InlineData(32, 256, 512, 3, 2, 8, 8)]
    [InlineData(66, 512, 512, 3, 1, 4, 4)]    // a part for all images, channels out in pieces
    [InlineData(16, 32, 64, 7, 2, 15, 15)]
    [InlineData(18, 32, 64, 5, 1, 6, 9)]
    [InlineData(20, 32, 64, 3, 3, 9, 11)]     // pixels of the input that no output sees
    public void Apply_AgreesWithLibtorch_ButForItsRounding(int images, int inChannels, int outChannels, int side, int stride, int height, int width)
    {
        SkipUnlessSupported();
        ConvolutionChecks.AgreesWithLibtorch([images, inChannels, height, width], [outChannels, inChannels, side, side], stride, (input, weight) =>
        {
            Assert.True(AmxConvolution.Suits(input, weight, stride));
            return AmxConvolution.Apply(input, weight, stride);
        });
    }

    [Theory]
    [InlineData(64, 64, 3)]    // parts of the images
    [InlineData(512, 512, 1)]
    [InlineData(256, 512, 3)]  // pieces of the channels
    public void WeightGradient_OnAnyNumberOfThreads_HasTheSameBits(int inChannels, int outChannels, int side)
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        using var workspace = Workspace.Rent();
        var random = new Generator(8);
        var input = randn([70, 6, 6, inChannels], generator: random).to(ScalarType.BFloat16);
        var gradient = randn([70, 6, 6, outChannels], generator: random).to(ScalarType.BFloat16);
        ConvolutionChecks.HasTheSameBitsOnAnyNumberOfThreads(() => [AmxWeightGradient.Of(input, gradient, side, stride: 1, workspace)]);
    }

    [Theory]
    [InlineData(70, 64, 8, 1)]     // small images, some groups at a time
    [InlineData(33, 160, 24, 1)]   // bands of rows
    [InlineData(33, 160, 24, 2)]
    public void Apply_OnAnyNumberOfThreads_HasTheSameBits(int images, int channels, int pixels, int stride)
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        var random = new Generator(8);
        var start = ChannelsLast.Of(randn([images, channels, pixels, pixels], generator: random).to(ScalarType.BFloat16));
        var weight = ChannelsLast.Of(randn([96, channels, 3, 3], generator: random));
        ConvolutionChecks.HasTheSameBitsOnAnyNumberOfThreads(() =>
        {
            var input = start.detach().requires_grad_();
            var output = AmxConvolution.Apply(input, weight.detach().requires_grad_(), stride);
            output.backward([output.detach()]);
            return [output.detach(), input.grad!];
        });
    }

    [Fact]
    public void Apply_LeavesNoTensorBehind()
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
            var input = ChannelsLast.Of(randn([20, 64, 8, 8]).to(ScalarType.BFloat16)).requires_grad_();
            var weight = ChannelsLast.Of(randn([64, 64, 3, 3])).requires_grad_();
            BackwardErrors.Run(() =>
            {
                using var output = AmxConvolution.Apply(input, weight, stride: 2);
                using var sum = output.sum();
                sum.backward();
            });
            weight.grad!.Dispose();
            input.grad!.Dispose();
            using var evaluation = no_grad();
            AmxConvolution.Apply(input, weight, stride: 1).Dispose();
        }
    }

    [Fact]
    public void Apply_WithoutAGraph_GivesTheSameBits()
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        var random = new Generator(9);
        var input = ChannelsLast.Of(randn([50, 64, 9, 7], generator: random).to(ScalarType.BFloat16));
        var weight = ChannelsLast.Of(randn([96, 64, 3, 3], generator: random)).requires_grad_();
        var trained = AmxConvolution.Apply(input, weight, stride: 1);
        Assert.True(trained.requires_grad);
        using var evaluation = no_grad();
        Assert.True(AmxConvolution.Apply(input, weight, stride: 1).equal(trained).all().ToBoolean());
        // Nor does it matter which images there are beside.
        Assert.True(AmxConvolution.Apply(input.narrow(0, 30, 20), weight, stride: 1).equal(trained.narrow(0, 30, 20)).all().ToBoolean());
    }

    [Fact]
    public void Suits_WhatIsNotWholeTiles_IsFalse()
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        var input = zeros([16, 64, 8, 8], ScalarType.BFloat16);
        Tensor point = zeros([64, 64, 1, 1]), square = zeros([64, 64, 3, 3]);
        Assert.True(AmxConvolution.Suits(input, square, 1));
        Assert.False(AmxConvolution.Suits(input.to(ScalarType.Float32), square, 1));
        Assert.False(AmxConvolution.Suits(input, square.to(ScalarType.BFloat16), 1));
        Assert.False(AmxConvolution.Suits(zeros([16, 3, 8, 8], ScalarType.BFloat16), zeros([64, 3, 7, 7]), 2));
        Assert.False(AmxConvolution.Suits(input, zeros([72, 64, 3, 3]), 1));
        // A tile is rows of images, or of pixels where a kernel sees one alone.
        Assert.False(AmxConvolution.Suits(input.narrow(0, 0, 15), square, 1));
        Assert.True(AmxConvolution.Suits(input.narrow(0, 0, 1), point, 1));
        Assert.False(AmxConvolution.Suits(input.narrow(0, 0, 1), point, 2));
        Assert.False(AmxConvolution.Suits(zeros([0, 64, 8, 8], ScalarType.BFloat16), point, 1));
    }

    private static void SkipUnlessSupported() => Assert.SkipUnless(AmxKernel.IsSupported, "needs a processor with tile registers (AMX)");
}
