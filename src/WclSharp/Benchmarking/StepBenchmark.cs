using System.Diagnostics;
using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Kernels;
using WclSharp.Methods;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Benchmarking;

/// <summary>What <see cref="StepBenchmark"/> measured.</summary>
/// <param name="ImagesPerSecond">Images per second; each image is two views.</param>
/// <param name="SecondsPerStep">Median of the repeats.</param>
/// <param name="HostSecondsPerStep">Median time until everything was asked of the device; on a CPU it is done by then.</param>
/// <param name="PeakRssMib">Peak resident memory of the process, MiB; a GPU's is not in it.</param>
/// <param name="Precision">fp32, bf16 or bf16-fast.</param>
/// <param name="Seconds">Every repeat.</param>
/// <param name="OnGpu">Whether a GPU computed.</param>
internal sealed record StepFigures(double ImagesPerSecond, double SecondsPerStep, double HostSecondsPerStep, double PeakRssMib, string Precision, IReadOnlyList<double> Seconds, bool OnGpu);

/// <summary>Times whole training steps of a method on random images, as they are late in a run: encoder, heads, graph, losses, backward, SGD.</summary>
internal static class StepBenchmark
{
    private const int WarmupSteps = 2, Classes = 10;
    private const uint FeatureStream = 2; // of random numbers, beside that of the views

    /// <param name="options">Network, batch, image size and precision, resolved.</param>
    /// <param name="repeat">Steps that are timed after the warm-up.</param>
    /// <param name="progress">Told after every step, and warned where auto passes a GPU over; may be null.</param>
    public static StepFigures Run(PretrainOptions options, int repeat, IProgress<RunProgress>? progress = null)
    {
        Allocator.KeepFreedMemory();
        var compute = ComputeDevice.Choose(options.Device ?? ComputeDevice.Auto, options.Precision, progress);
        options = MethodDefaults.Fill(options);
        int batch = options.Batch!.Value;
        using var method = LateInARun(options, compute.Device);
        using var model = new WclModel(options, method.HasWeakHead, compute);
        using var optimizer = new Sgd(model.Parameters, 5e-4);
        int size = options.ImageSize!.Value;
        BenchmarkSizes.RequireNumbers(FormattableString.Invariant($"The views of --batch {batch} at --image-size {size}"), method.Views, batch, 3, size, size);
        using var views = Images();
        using var support = views.narrow(0, 0, batch); // support views are views like any: their content takes no other time
        using var classes = tensor(Enumerable.Range(0, batch).Select(i => (long)i % Classes).ToArray(), device: compute.Device);

        List<double> seconds = [], hostSeconds = [];
        for (int i = 0; i < repeat + WarmupSteps; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Step();
            StepGarbage.Collect();
            double asked = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (compute.Device.type == DeviceType.CUDA) cuda.synchronize(compute.Device);
            if (i >= WarmupSteps)
            {
                seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                hostSeconds.Add(asked);
            }
            progress.Working("Timing steps", i + 1, repeat + WarmupSteps);
        }

        double median = Median.Of(seconds);
        return new StepFigures(batch / median, median, Median.Of(hostSeconds), ProcessMemory.PeakMiB, compute.TypeName, seconds, compute.IsGpu);

        Tensor Images()
        {
            using var host = new ParameterInitializer(0).Normal([method.Views * batch, 3, size, size], 1);
            return host.to(compute.Device, copy: true);
        }

        void Step()
        {
            using var scope = NewDisposeScope();
            optimizer.ZeroGradients();
            var input = MethodInput.Of(model.ProjectViews(views, method.Views), _ => model.Project(support)) with
            {
                Classes = classes,
                Images = [.. Enumerable.Range(0, batch)],
                Done = 1, // what a method does late in a run
            };
            var losses = method.Losses(input);
            BackwardErrors.Run(() => losses.Total.backward());
            optimizer.Step(0.01);
            method.AfterStep(input);
        }
    }

    /// <summary>The method with what it makes of all images between epochs, of random features here: without groups wcl-bank would be wcl.</summary>
    internal static Method LateInARun(PretrainOptions options, Device device)
    {
        int images = options.Batch!.Value;
        var method = MethodFactory.Create(options, images, labels: true, device);
        method.AfterEpoch(new EpochEnd(options.BankStart ?? 1, () =>
        {
            using var scope = NewDisposeScope();
            var unit = nn.functional.normalize(new ParameterInitializer(FeatureStream).Normal([images, options.HeadOutput!.Value], 1)); // [N, D]
            return unit.to(device, copy: true).MoveToOuterDisposeScope();
        }));
        return method;
    }
}
