using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Kernels;

/// <summary>Rows of 128 numbers brought to unit length, forward and backward, by our operator and by libtorch; two threads.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 5, iterationCount: 20)]
[MinColumn]
public class UnitRowBenchmarks
{
    private Tensor rows = null!, gradient = null!;

    /// <summary>N, rows.</summary>
    [Params(512, 4096)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        BenchmarkProcess.Prepare();
        rows = randn(Rows, 128).DetachFromDisposeScope().requires_grad_();
        gradient = randn(Rows, 128).DetachFromDisposeScope();
    }

    [Benchmark]
    public void Ours() => Backward(UnitRows.Of);

    [Benchmark(Baseline = true)]
    public void Libtorch() => Backward(x => nn.functional.normalize(x));

    [GlobalCleanup]
    public void Cleanup()
    {
        rows.Dispose();
        gradient.Dispose();
    }

    private void Backward(Func<Tensor, Tensor> unit)
    {
        using var scope = NewDisposeScope();
        var output = unit(rows);
        BackwardErrors.Run(() => output.backward([gradient]));
        rows.grad = null;
    }
}
