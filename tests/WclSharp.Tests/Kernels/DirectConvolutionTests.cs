using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>Convolutions of bfloat16 whose weight's gradient is summed by us, against libtorch's in float64.</summary>
public sealed class DirectConvolutionTests
{
    [Theory]
    [InlineData(3, 32, 32, 1, 1, 5, 7)]      // an odd number of pixels, fewer than a block has
    [InlineData(2, 64, 96, 1, 1, 24, 24)]    // parts of the pixels; channels that no panel divides
    [InlineData(1, 160, 32, 1, 1, 23, 11)]
    [InlineData(2, 512, 1024, 1, 1, 9, 9)]   // channels out in pieces
    [InlineData(2, 1024, 288, 1, 1, 9, 9)]   // channels in
    [InlineData(3, 64, 128, 1, 2, 7, 8)]     // a stride that leaves a column over
    [InlineData(1, 32, 64, 1, 2, 1, 1)]
    [InlineData(3, 64, 128, 3, 2, 7, 8)]     // padding on every side
    [InlineData(5, 96, 32, 3, 2, 16, 16)]
    [InlineData(2, 256, 512, 3, 2, 8, 8)]    // a part for all pixels
    [InlineData(2, 512, 512, 3, 1, 4, 4)]
    [InlineData(2, 32, 64, 7, 2, 15, 15)]
    [InlineData(2, 32, 64, 3, 3, 9, 11)]
    public void Apply_AgreesWithLibtorch_ButForItsRounding(int images, int inChannels, int outChannels, int side, int stride, int height, int width)
    {
        SkipUnlessSupported();
        ConvolutionChecks.AgreesWithLibtorch([images, inChannels, height, width], [outChannels, inChannels, side, side], stride, (input, weight) =>
        {
            Assert.True(DirectConvolution.Suits(input, weight));
            return Apply(input, weight, stride);
        });
    }

    [Theory]
    [InlineData(64, 64, 1)]    // parts of the pixels
    [InlineData(512, 512, 1)]  // pieces of the channels
    [InlineData(64, 192, 3)]
    public void WeightGradient_OnAnyNumberOfThreads_HasTheSameBits(int inChannels, int outChannels, int side)
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        using var workspace = Workspace.Rent();
        var random = new Generator(8);
        var input = randn([3, 24, 24, inChannels], generator: random).to(ScalarType.BFloat16);
        var gradient = randn([3, 24, 24, outChannels], generator: random).to(ScalarType.BFloat16);
        ConvolutionChecks.HasTheSameBitsOnAnyNumberOfThreads(() => [ConvolutionWeightGradient.Of(input, gradient, side, stride: 1, workspace)]);
    }

    [Fact]
    public void Apply_LeavesNoTensorBehind() => LiveTensors.AssertNoneLeftBy(() =>
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        var input = ChannelsLast.Of(randn([2, 64, 8, 8]).to(ScalarType.BFloat16)).requires_grad_();
        var weight = ChannelsLast.Of(randn([64, 64, 1, 1])).requires_grad_();
        BackwardErrors.Run(() =>
        {
            using var output = Apply(input, weight, stride: 1);
            using var sum = output.sum();
            sum.backward();
        });
        weight.grad!.Dispose();
        input.grad!.Dispose();
    });

    [Fact]
    public void Suits_WhatIsNotTrainedOrNotWholeVectors_IsFalse()
    {
        SkipUnlessSupported();
        using var scope = NewDisposeScope();
        var input = zeros([2, 64, 8, 8], ScalarType.BFloat16);
        var weight = zeros([64, 64, 1, 1]);
        Assert.True(DirectConvolution.Suits(input, weight));
        Assert.False(DirectConvolution.Suits(input.to(ScalarType.Float32), weight));
        Assert.False(DirectConvolution.Suits(zeros([2, 3, 8, 8], ScalarType.BFloat16), zeros([64, 3, 7, 7])));
        Assert.False(DirectConvolution.Suits(input, zeros([72, 64, 1, 1])));
        Assert.False(DirectConvolution.Suits(zeros([0, 64, 8, 8], ScalarType.BFloat16), weight));
        using var evaluation = no_grad();
        Assert.False(DirectConvolution.Suits(input, weight));
    }

    private static Tensor Apply(Tensor input, Tensor weight, int stride)
    {
        long side = weight.size(2);
        return DirectConvolution.Apply(input, weight, stride, (image, kernel) => nn.functional.conv2d(image, kernel, null, [stride, stride], [side / 2, side / 2]));
    }

    private static void SkipUnlessSupported() => Assert.SkipUnless(PairKernel.IsSupported, "needs AVX-512's dot products of bfloat16 at a whole register's rate");
}
