using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Native;

/// <summary>What a dispose scope costs: an empty one, and a thousand small tensors freed by one, beside the same tensors freed one by one.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 5, iterationCount: 20)]
[MinColumn]
public class DisposeScopeBenchmarks
{
    private const int Scopes = 10_000, Tensors = 1000, Length = 4;

    [GlobalSetup]
    public void Setup() => BenchmarkProcess.Prepare();

    /// <summary>One of them.</summary>
    [Benchmark(OperationsPerInvoke = Scopes)]
    public void Empty()
    {
        for (int i = 0; i < Scopes; i++)
        {
            using var scope = NewDisposeScope();
        }
    }

    /// <summary>All of them.</summary>
    [Benchmark]
    public void ThousandTensorsInAScope()
    {
        using var scope = NewDisposeScope();
        for (int i = 0; i < Tensors; i++) empty(Length);
    }

    /// <summary>All of them.</summary>
    [Benchmark(Baseline = true)]
    public void ThousandTensorsOneByOne()
    {
        for (int i = 0; i < Tensors; i++) empty(Length).Dispose();
    }
}
