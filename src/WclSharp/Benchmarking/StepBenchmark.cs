using System.Diagnostics;
using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Benchmarking;

/// <summary>What <see cref="StepBenchmark"/> measured.</summary>
/// <param name="ImagesPerSecond">Images per second; each image is two views.</param>
/// <param name="SecondsPerStep">Median of the repeats.</param>
/// <param name="PeakRssMib">Peak resident memory of the process, MiB.</param>
/// <param name="Precision">fp32 or bf16.</param>
/// <param name="Seconds">Every repeat.</param>
internal sealed record StepFigures(double ImagesPerSecond, double SecondsPerStep, double PeakRssMib, string Precision, IReadOnlyList<double> Seconds);

/// <summary>Times whole training steps of WCL on random images: encoder, both heads, graph, both losses, backward, SGD.</summary>
internal static class StepBenchmark
{
    private const int WarmupSteps = 2;

    /// <param name="options">Network, batch, image size and precision, resolved.</param>
    /// <param name="repeat">Steps that are timed after the warm-up.</param>
    /// <param name="done">Told after every step.</param>
    public static StepFigures Run(PretrainOptions options, int repeat, Action<int, int>? done = null)
    {
        Allocator.KeepFreedMemory();
        var compute = ComputeDevice.Choose(options.Device, options.Precision);
        using var model = new WclModel(options, compute.Device, compute.Type);
        using var optimizer = new Sgd(model.Parameters, 5e-4);
        int size = options.ImageSize!.Value;
        using var view1 = Images(0);
        using var view2 = Images(1);

        var seconds = new List<double>();
        for (int i = 0; i < repeat + WarmupSteps; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Step();
            if (compute.Device.type == DeviceType.CUDA) cuda.synchronize();
            if (i >= WarmupSteps) seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            done?.Invoke(i + 1, repeat + WarmupSteps);
        }

        double median = Median.Of(seconds);
        return new StepFigures(options.Batch!.Value / median, median, ProcessMemory.PeakMiB, compute.TypeName, seconds);

        Tensor Images(uint view)
        {
            using var host = new ParameterInitializer(view).Normal([options.Batch!.Value, 3, size, size], 1);
            return host.to(compute.Device, copy: true);
        }

        void Step()
        {
            using var scope = NewDisposeScope();
            var (z1, v1) = model.Project(view1);
            var (z2, v2) = model.Project(view2);
            var loss = InstanceLoss.Forward(z1, z2, options.Temperature);
            if (v1 is not null && v2 is not null)
            {
                loss += WeakLoss.Swapped(v1, v2, ConnectedComponents.OfNearestNeighbors(v1), ConnectedComponents.OfNearestNeighbors(v2),
                    options.Temperature, options.WeakKeys == WeakKeys.Detached);
            }
            optimizer.ZeroGradients();
            loss.backward();
            AutogradMemory.FreeReturned();
            optimizer.Step(0.01);
        }
    }
}
