using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using WclSharp.Neighbors;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Neighbors;

/// <summary>The four nearest of all rows of a bank, as KNN multi-crop finds them at an epoch's end, D = 128; two threads.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 2, iterationCount: 10)]
[MinColumn]
public class NearestRowBenchmarks
{
    private EmbeddingBank bank = null!;

    /// <summary>N, images in the bank.</summary>
    [Params(4096, 16_384)]
    public int Images { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        BenchmarkProcess.Prepare();
        using var features = randn(Images, 128);
        bank = EmbeddingBank.Of(features);
    }

    [Benchmark]
    public void Search() => NearestRows.Search(bank, k: 4).Dispose();

    [GlobalCleanup]
    public void Cleanup() => bank.Dispose();
}
