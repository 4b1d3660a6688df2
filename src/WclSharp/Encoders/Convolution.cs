using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Kernels;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>2-D convolution without bias, its weight kept in float32 and channels-last, computed in the input's dtype.</summary>
/// <remarks>There is no autocast in TorchSharp: the cast to the compute dtype is here, and autograd casts the gradient back.</remarks>
internal sealed class Convolution : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly long[] strides, padding;
    private readonly bool winogradShape;

    /// <param name="inChannels">Channels in.</param>
    /// <param name="outChannels">Channels out.</param>
    /// <param name="kernel">Side of the square kernel, pixels, odd.</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="random">Draws the initial weights.</param>
    public Convolution(int inChannels, int outChannels, int kernel, int stride, ParameterInitializer random) : base(nameof(Convolution))
    {
        strides = [stride, stride];
        padding = [kernel / 2, kernel / 2];
        winogradShape = kernel == 3 && stride == 1;
        using var start = random.Convolution(inChannels, outChannels, kernel);
        weight = new Parameter(ChannelsLast.Of(start));
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        if (winogradShape && WinogradConvolution.Suits(input, weight.shape[0])) return WinogradConvolution.Apply(input, weight);
        if (input.dtype == weight.dtype) return nn.functional.conv2d(input, weight, null, strides, padding);
        using var cast = weight.to(input.dtype);
        return nn.functional.conv2d(input, cast, null, strides, padding);
    }
}
