using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using TorchSharp;
using WclSharp.Encoders;
using WclSharp.Optimizers;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Benchmarks.Optimizers;

/// <summary>A step of an optimiser over the parameters of ResNet-18, width 64; two threads.</summary>
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 3, iterationCount: 15)]
[MinColumn]
public class OptimizerBenchmarks
{
    private ResNet network = null!;
    private Optimizer optimizer = null!;

    [Params(OptimizerKind.Sgd, OptimizerKind.Lars, OptimizerKind.AdamW)]
    public OptimizerKind Kind { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        BenchmarkProcess.Prepare();
        network = new ResNet(EncoderArch.ResNet18, 64, EncoderStem.Small, seed: 0);
        var parameters = Optimizer.ParametersOf(("encoder.", network));
        foreach (var each in parameters) each.Parameter.grad = randn_like(each.Parameter).DetachFromDisposeScope();
        optimizer = Optimizer.Create(Kind, parameters, weightDecay: 1e-4);
    }

    [Benchmark]
    public void Step() => optimizer.Step(learningRate: 1e-3);

    [GlobalCleanup]
    public void Cleanup()
    {
        optimizer.Dispose();
        network.Dispose();
    }
}
