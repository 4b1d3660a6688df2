using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Kernels;

/// <summary>One 3 x 3 convolution of ResNet-18, forward and backward, by libtorch, by Winograd's algorithm and in tile registers; batch 128, two threads.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 3, iterationCount: 15)]
[MinColumn]
public class ConvolutionBenchmarks
{
    private Tensor input = null!, weight = null!, outputGradient = null!;

    /// <summary>Channels and side of the images.</summary>
    [Params("64x32", "128x16", "256x8", "512x4")]
    public string Shape { get; set; } = "";

    /// <summary>Images and how they are convolved.</summary>
    [ParamsSource(nameof(Ways))]
    public string By { get; set; } = "";

    /// <summary>Tiles are rounded to bfloat16 only where this processor can multiply them, and tile registers used where it has them.</summary>
    public static IEnumerable<string> Ways =>
        ["libtorch fp32", "libtorch bf16", "Winograd fp32", "Winograd bf16", .. PairKernel.IsSupported ? (string[])["Winograd bf16 tiles"] : [], .. AmxKernel.IsSupported ? (string[])["AMX bf16"] : []];

    [GlobalSetup]
    public void Setup()
    {
        BenchmarkProcess.Prepare();
        long[] shape = Array.ConvertAll(Shape.Split('x'), long.Parse);
        var type = By.Contains("bf16", StringComparison.Ordinal) ? ScalarType.BFloat16 : ScalarType.Float32;
        input = ChannelsLast.Of(randn([128, shape[0], shape[1], shape[1]]).to(type)).DetachFromDisposeScope().requires_grad_();
        weight = ChannelsLast.Of(randn([shape[0], shape[0], 3, 3])).DetachFromDisposeScope().requires_grad_();
        outputGradient = ChannelsLast.Of(randn([128, shape[0], shape[1], shape[1]]).to(type)).DetachFromDisposeScope();
    }

    [Benchmark]
    public void ForwardAndBackward()
    {
        using var scope = NewDisposeScope();
        var output = By.StartsWith("AMX", StringComparison.Ordinal) ? AmxConvolution.Apply(input, weight, stride: 1)
            : By.StartsWith("Winograd", StringComparison.Ordinal) ? WinogradConvolution.Apply(input, weight, roundTiles: By.EndsWith("tiles", StringComparison.Ordinal))
            : nn.functional.conv2d(input, weight.to(input.dtype), null, [1, 1], [1, 1]);
        output.backward([outputGradient]);
        input.grad = weight.grad = null;
        AutogradMemory.FreeReturned();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        input.Dispose();
        weight.Dispose();
        outputGradient.Dispose();
    }
}
