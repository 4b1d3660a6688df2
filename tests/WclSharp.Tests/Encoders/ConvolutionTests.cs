using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Tests.Encoders;

public class ConvolutionTests
{
    [Theory]
    [InlineData(512, 512, 1, 1, 6)]  // as a matrix product
    [InlineData(512, 1024, 1, 2, 6)]
    [InlineData(512, 1024, 1, 2, 7)] // an odd side
    [InlineData(16, 32, 1, 2, 6)]    // by libtorch
    [InlineData(64, 64, 3, 1, 8)]    // by Winograd
    [InlineData(64, 64, 3, 2, 7)]
    public void Forward_AndGradients_AreThoseOfLibtorch(int inChannels, int outChannels, int kernel, int stride, int side)
    {
        using var scope = NewDisposeScope();
        var random = new ParameterInitializer(3);
        using var convolution = new Convolution(inChannels, outChannels, kernel, stride, random);
        var weight = convolution.parameters().Single();
        var copy = weight.detach().clone().requires_grad_();
        var input = random.Normal([2, side, side, inChannels], 1).permute(0, 3, 1, 2);
        var (x, x2) = (input.clone().requires_grad_(), input.clone().requires_grad_());

        var actual = convolution.call(x);
        var expected = nn.functional.conv2d(x2, copy, null, [stride, stride], [kernel / 2, kernel / 2]);
        Near(expected, actual);
        Assert.Equal(1, actual.stride(1)); // channels-last
        Assert.Equal(expected.shape, actual.shape);

        var gradient = random.Normal(actual.shape, 1);
        actual.backward([gradient]);
        expected.backward([gradient]);
        Near(x2.grad!, x.grad!);
        Near(copy.grad!, weight.grad!);
    }

    /// <summary>libtorch's own ends the process here, mostly at once: it writes beyond its memory.</summary>
    [Theory]
    [InlineData(3, 8)]
    [InlineData(5, 12)]
    public void OddNumbersOfImages_OfFewChannels_AreSummedRightly(int images, int inChannels)
    {
        using var scope = NewDisposeScope();
        var random = new ParameterInitializer(4);
        using var convolution = new Convolution(inChannels, 2 * inChannels, kernel: 1, stride: 2, random);
        var weight = convolution.parameters().Single();
        var input = random.Normal([images, 28, 28, inChannels], 1).permute(0, 3, 1, 2);
        var expected = Gradients(ScalarType.Float64);
        for (int i = 0; i < 10; i++)
            foreach (var (type, tolerance) in ((ScalarType, double)[])[(ScalarType.Float32, 1e-5), (ScalarType.BFloat16, 0.02)])
                foreach (var (one, other) in expected.Zip(Gradients(type))) Near(one, other, tolerance);

        Tensor[] Gradients(ScalarType type)
        {
            weight.grad = null;
            var x = input.to(type, copy: true).requires_grad_();
            var y = convolution.call(x);
            y.to(ScalarType.Float64).pow(2).sum().backward();
            return [y.to(ScalarType.Float64), x.grad!.to(ScalarType.Float64), weight.grad!.to(ScalarType.Float64)];
        }
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance = 1e-5)
    {
        using var difference = (expected - actual).abs().max() / expected.abs().max();
        Assert.InRange(difference.ToDouble(), 0, tolerance);
    }
}
