using System.Diagnostics;
using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Benchmarking;

/// <summary>What <see cref="LossBenchmark"/> measured.</summary>
/// <param name="Seconds">Median of the repeats: graph, both losses, forward and backward.</param>
/// <param name="MibAboveInputs">Growth of the peak resident memory over what it was with the inputs made, MiB.</param>
/// <param name="Repeats">Every repeat, seconds.</param>
internal sealed record LossFigures(double Seconds, double MibAboveInputs, IReadOnlyList<double> Repeats);

/// <summary>Times graph and both losses on random embeddings.</summary>
internal static class LossBenchmark
{
    /// <param name="batch">N, images in the batch.</param>
    /// <param name="dim">D, width of the heads' output.</param>
    /// <param name="repeat">Repeats after one warm-up.</param>
    /// <param name="progress">Told after every repeat; may be null.</param>
    public static LossFigures Run(int batch, int dim, int repeat, IProgress<RunProgress>? progress = null)
    {
        BenchmarkSizes.RequireNumbers(FormattableString.Invariant($"--batch {batch} of --dim {dim}"), batch, dim);
        Allocator.KeepFreedMemory();
        var random = new ParameterInitializer(0);
        var inputs = Enumerable.Range(0, 4).Select(_ => random.Normal([batch, dim], 1).requires_grad_()).ToArray();
        double before = ProcessMemory.PeakMiB;
        var seconds = new List<double>();
        for (int i = 0; i <= repeat; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Step(inputs);
            StepGarbage.Collect();
            if (i > 0) seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            progress.Working("Timing losses", i + 1, repeat + 1);
        }
        foreach (var input in inputs) input.Dispose();
        return new LossFigures(Median.Of(seconds), ProcessMemory.GrowthMiB(before), seconds);
    }

    private static void Step(Tensor[] inputs)
    {
        using var scope = NewDisposeScope();
        foreach (var input in inputs) input.grad = null;
        var unit = inputs.Select(x => UnitRows.Of(x)).ToArray();
        var instance = InstanceLoss.Forward(unit[0], unit[1], 0.1);
        var (weak, _, _) = WeakLoss.OfGraphs(unit[2], unit[3], 0.1, detachKeys: true);
        BackwardErrors.Run(() => (instance + weak).backward());
    }
}
