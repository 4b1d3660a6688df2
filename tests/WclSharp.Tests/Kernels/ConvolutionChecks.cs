using TorchSharp;
using WclSharp.Encoders;
using static TorchSharp.torch;

namespace WclSharp.Tests.Kernels;

/// <summary>What every convolution of bfloat16 images is held to.</summary>
internal static class ConvolutionChecks
{
    /// <summary>Output and gradients are libtorch's in float64, but for one rounding to bfloat16; the weight's gradient is float32 throughout.</summary>
    /// <param name="inputShape">[N, C, H, W].</param>
    /// <param name="weightShape">[K, C, side, side].</param>
    /// <param name="stride">Pixels between outputs.</param>
    /// <param name="convolve">Of an input and a weight, both channels-last, with a graph.</param>
    public static void AgreesWithLibtorch(long[] inputShape, long[] weightShape, int stride, Func<Tensor, Tensor, Tensor> convolve)
    {
        using var scope = NewDisposeScope();
        var random = new Generator(7);
        var input = ChannelsLast.Of(randn(inputShape, generator: random).to(ScalarType.BFloat16)).requires_grad_();
        var weight = ChannelsLast.Of(randn(weightShape, generator: random)).requires_grad_();

        var output = convolve(input, weight);
        var outputGradient = randn(output.shape, generator: random).to(ScalarType.BFloat16);
        output.backward([outputGradient]);

        long side = weightShape[2];
        var exactInput = input.detach().to(ScalarType.Float64).requires_grad_();
        var exactWeight = weight.detach().to(ScalarType.BFloat16).to(ScalarType.Float64).requires_grad_();
        var exact = nn.functional.conv2d(exactInput, exactWeight, null, [stride, stride], [side / 2, side / 2]);
        exact.backward([outputGradient.to(ScalarType.Float64)]);
        Assert.Equal(ScalarType.Float32, weight.grad!.dtype);
        Assert.Equal(1, input.grad!.stride(1)); // channels-last
        Assert.Equal(1, weight.grad.stride(1));
        // One rounding to 8 binary digits is 2^-8 of a number at most.
        Assert.InRange(RelativeError.Of(exact, output), 0, 1.01 / 256);
        Assert.InRange(RelativeError.Of(exactInput.grad!, input.grad), 0, 1.01 / 256);
        Assert.InRange(RelativeError.Of(exactWeight.grad!, weight.grad), 0, 1e-5);
    }

    /// <summary>What is computed has the same bits on any number of threads.</summary>
    public static void HasTheSameBitsOnAnyNumberOfThreads(Func<Tensor[]> compute)
    {
        int threads = get_num_threads();
        try
        {
            set_num_threads(1);
            var one = compute();
            foreach (int many in (int[])[2, 3, 7, 16])
            {
                set_num_threads(many);
                Assert.All(one.Zip(compute()), pair => Assert.True(pair.First.equal(pair.Second).all().ToBoolean(), $"{many} threads"));
            }
        }
        finally
        {
            set_num_threads(threads);
        }
    }
}
