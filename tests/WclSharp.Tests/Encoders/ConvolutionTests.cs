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

    private static void Near(Tensor expected, Tensor actual)
    {
        using var difference = (expected - actual).abs().max() / expected.abs().max();
        Assert.InRange(difference.ToDouble(), 0, 1e-5);
    }
}
