using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Kernels;

/// <summary>Batch norm with ReLU, and with a residual sum between them, forward and backward; batch 128, two threads.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 3, iterationCount: 15)]
[MinColumn]
public class BatchNormBenchmarks
{
    private BatchNormalization norm = null!;
    private Tensor input = null!, outputGradient = null!;
    private Tensor? residual;

    /// <summary>Channels and side of the images.</summary>
    [Params("64x32", "512x4")]
    public string Shape { get; set; } = "";

    [Params("fp32", "bf16")]
    public string Type { get; set; } = "";

    [Params(false, true)]
    public bool Residual { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        BenchmarkProcess.Prepare();
        long[] shape = Array.ConvertAll(Shape.Split('x'), long.Parse);
        norm = new BatchNormalization((int)shape[0]);
        input = Images().requires_grad_();
        residual = Residual ? Images().requires_grad_() : null;
        outputGradient = Images();

        Tensor Images() => ChannelsLast.Of(randn([128, shape[0], shape[1], shape[1]]).to(Type == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32)).DetachFromDisposeScope();
    }

    [Benchmark]
    public void ForwardAndBackward()
    {
        using var scope = NewDisposeScope();
        var output = FusedBatchNorm.Apply(norm, input, residual);
        BackwardErrors.Run(() => output.backward([outputGradient]));
        input.grad = norm.weight!.grad = norm.bias!.grad = null;
        if (residual is not null) residual.grad = null;
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        norm.Dispose();
        input.Dispose();
        residual?.Dispose();
        outputGradient.Dispose();
    }
}
