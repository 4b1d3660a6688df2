using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
using WclSharp.Losses;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Losses;

/// <summary>The losses of a batch from rows of unit length, D = 128, forward and backward; two threads.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 3, iterationCount: 15)]
[MinColumn]
public class LossBenchmarks
{
    private const int Dim = 128, Classes = 10, Crops = 2;
    private const double Temperature = 0.1;
    private Tensor first = null!, second = null!, crops = null!, classes = null!, components1 = null!, components2 = null!;

    /// <summary>N, images in the batch.</summary>
    [Params(512, 4096)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        BenchmarkProcess.Prepare();
        using var scope = NewDisposeScope();
        first = Rows(Batch);
        second = Rows(Batch);
        crops = Rows(Crops * Batch);
        classes = SupConLoss.LabelsOf(arange(Batch, ScalarType.Int64).remainder(Classes)).DetachFromDisposeScope();
        components1 = ConnectedComponents.OfNearestNeighbors(first).DetachFromDisposeScope();
        components2 = ConnectedComponents.OfNearestNeighbors(second).DetachFromDisposeScope();
    }

    [Benchmark]
    public void Instance() => Backward(() => InstanceLoss.Forward(first, second, Temperature));

    /// <summary>With the graph of both views and its components.</summary>
    [Benchmark]
    public void WeakOfGraphs() => Backward(() => WeakLoss.OfGraphs(first, second, Temperature, detachKeys: true).Loss);

    [Benchmark]
    public void SupCon() => Backward(() => SupConLoss.Forward(first, second, classes, Temperature));

    /// <summary>Both terms, of two local crops an image.</summary>
    [Benchmark]
    public void MultiCrop() => Backward(() =>
        MultiCropLoss.Instance(crops, first, second, Batch, 0, Temperature)! + MultiCropLoss.Swapped(crops, first.detach(), second.detach(), components1, components2, Batch, 0, Temperature)!);

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (var tensor in (Tensor[])[first, second, crops, classes, components1, components2]) tensor.Dispose();
    }

    private void Backward(Func<Tensor> loss)
    {
        using var scope = NewDisposeScope();
        first.grad = second.grad = crops.grad = null;
        var value = loss();
        BackwardErrors.Run(() => value.backward());
    }

    private static Tensor Rows(int count) => UnitRows.Of(randn(count, Dim)).DetachFromDisposeScope().requires_grad_();
}
