using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Kernels;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>2-D convolution without bias, its weight kept in float32 and channels-last, computed in the input's dtype.</summary>
/// <remarks>
/// TorchSharp has no autocast, so this class casts the weight to the compute dtype, and autograd casts its gradient back. <see cref="AmxConvolution"/>, <see cref="WinogradConvolution"/> and <see cref="DirectConvolution"/> take the weight in float32
/// and give its gradient in float32. docs/kernels.md says which of them computes which layer.
/// </remarks>
internal sealed class Convolution : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly long[] strides, padding;
    private readonly bool winogradShape;
    private readonly long productWeights; // weights of a 1 x 1 kernel, which can be computed as a product; 0 of others
    private readonly bool narrow; // whether libtorch's own would not be safe: SafeChannels

    // With so many weights or more, a product of (pixels, channels) by the weight is faster than libtorch's convolution. Most of that is the weight's gradient, unless DirectConvolution computes it: docs/performance-history.md.
    private const int LeastProductWeights = 1 << 18, LeastProductWeightsBFloat16 = 1 << 20;

    // libtorch 2.10's weight gradient of a 1 x 1 convolution of stride 2 with fewer channels in (oneDNN's, AVX-512) writes beyond its memory where two threads share an odd number of images.
    private const int SafeChannels = 16;

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
        productWeights = kernel == 1 ? inChannels * outChannels : 0;
        narrow = kernel == 1 && inChannels % SafeChannels != 0;
        using var start = random.Convolution(inChannels, outChannels, kernel);
        weight = new Parameter(ChannelsLast.Of(start));
        weight.DetachFromDisposeScope(); // a network outlives the caller's scope
        RegisterComponents();
    }

    /// <summary>Whether Winograd's tiles may be rounded to bfloat16 in training, where images are.</summary>
    public bool RoundsTiles { get; set; }

    /// <summary>
    /// For the next call alone, which clears it: sums the gradient of the call's input with that of the input's other reader. Null leaves that to autograd.
    /// It is a property because forward hooks see only <c>call</c>, which takes a tensor and nothing else.
    /// </summary>
    public GradientSum? GradientSum { get; set; }

    public override Tensor forward(Tensor input)
    {
        var sum = GradientSum;
        GradientSum = null;
        if (AmxConvolution.Suits(input, weight, (int)strides[0])) return AmxConvolution.Apply(input, weight, (int)strides[0], sum);
        if (winogradShape && WinogradConvolution.Suits(input, weight)) return WinogradConvolution.Apply(input, weight, training && RoundsTiles, sum);
        bool asProduct = input.device_type == DeviceType.CPU && input.dtype switch
        {
            ScalarType.Float32 => narrow || productWeights >= LeastProductWeights,
            ScalarType.BFloat16 => narrow || productWeights >= LeastProductWeightsBFloat16,
            _ => false,
        };
        if (training && DirectConvolution.Suits(input, weight)) return DirectConvolution.Apply(input, weight, (int)strides[0], (image, kernel) => Convolve(image, kernel, asProduct), sum);
        if (input.dtype == weight.dtype) return Convolve(input, weight, asProduct);
        using var cast = weight.to(input.dtype);
        return Convolve(input, cast, asProduct);
    }

    private Tensor Convolve(Tensor input, Tensor kernel, bool asProduct) =>
        asProduct ? Product(input, kernel) : nn.functional.conv2d(input, kernel, null, strides, padding);

    /// <summary>A 1 x 1 convolution as a matrix product over channels, which are neighbours in memory.</summary>
    private Tensor Product(Tensor input, Tensor kernel)
    {
        using var scope = NewDisposeScope();
        var pixels = input.permute(0, 2, 3, 1);                                                         // [N, H, W, C]
        if (strides[0] > 1) pixels = pixels.slice(1, 0, pixels.size(1), strides[0]).slice(2, 0, pixels.size(2), strides[1]);
        // As two matrices: of more dimensions libtorch may multiply each row of an image by itself.
        var output = nn.functional.linear(pixels.reshape(-1, pixels.size(3)), kernel.permute(0, 2, 3, 1).view(kernel.size(0), kernel.size(1)))
            .view(pixels.size(0), pixels.size(1), pixels.size(2), kernel.size(0));                      // [N, H, W, K]
        return output.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }
}
