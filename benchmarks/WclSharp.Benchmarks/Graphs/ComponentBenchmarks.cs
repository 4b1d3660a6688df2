using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Graphs;

/// <summary>The components of a batch's nearest-neighbour graph: by themselves, and with the search for each row's nearest; two threads.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 5, iterationCount: 20)]
[MinColumn]
public class ComponentBenchmarks
{
    private const int Dim = 128;
    private Tensor rows = null!, next = null!;

    /// <summary>N, images in the batch.</summary>
    [Params(512, 4096)]
    public int Batch { get; set; }

    [GlobalSetup(Target = nameof(Components))]
    public void SetupGraph()
    {
        BenchmarkProcess.Prepare();
        next = randint(0, Batch, [Batch], ScalarType.Int64).DetachFromDisposeScope(); // its ways are longer than those of nearest neighbours
    }

    [GlobalSetup(Target = nameof(NearestAndComponents))]
    public void SetupRows()
    {
        BenchmarkProcess.Prepare();
        using var drawn = randn(Batch, Dim);
        rows = UnitRows.Of(drawn).DetachFromDisposeScope();
    }

    [Benchmark]
    public void Components() => ConnectedComponents.Label(next).Dispose();

    [Benchmark]
    public void NearestAndComponents() => ConnectedComponents.OfNearestNeighbors(rows).Dispose();

    [GlobalCleanup]
    public void Cleanup()
    {
        rows?.Dispose();
        next?.Dispose();
    }
}
