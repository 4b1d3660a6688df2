using WclSharp.Configuration;
using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Reporting;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>What a pretraining run left behind.</summary>
public sealed record PretrainResult
{
    /// <summary>Absolute path of the run folder.</summary>
    public required string RunFolder { get; init; }

    /// <summary>The last epoch's encoder: safetensors with torchvision's parameter names.</summary>
    public required string EncoderFile { get; init; }

    /// <summary>The last figures.</summary>
    public required RunSummary Summary { get; init; }
}

/// <summary>Pretrains an encoder on unlabelled images with WCL or a method that it is compared with.</summary>
public static class Pretraining
{
    /// <summary>Runs to the end, or to where it is cancelled.</summary>
    /// <param name="options">What to train on and how; what is null is resolved from the preset and the data.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Finishes the step under way, saves a checkpoint and throws.</param>
    /// <returns>Where the results are, and the last figures.</returns>
    /// <exception cref="WclUsageException">The options or the data are wrong; nothing was trained.</exception>
    /// <exception cref="DivergedException">A loss or weights are no longer finite; the last checkpoint is intact.</exception>
    /// <exception cref="WclException">Training failed; the last checkpoint is intact.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; go on with <see cref="PretrainOptions.Resume"/>.</exception>
    /// <remarks>
    /// Settings that hold for the whole program, and stay: the C library keeps freed memory for the next step (Linux), so that the process stays as large as it was at most; libtorch computes with
    /// as many threads at most as OpenMP grants; on a GPU its products of float32 matrices and its convolutions no longer round to TF32.
    /// </remarks>
    public static PretrainResult Run(PretrainOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        PretrainOptionTable.Validate(options);
        using var gradients = enable_grad(); // also where the caller has switched them off
        using var folder = RunFolder.Create(options.Out, options.Resume, DateTime.Now);
        if (options.Resume) options = Resumed(options, folder);
        using var run = new PretrainingRun(options, folder, new LoggedProgress(folder, progress), cancellation);
        return run.Execute();
    }

    private static readonly PretrainOptions Unset = new();

    /// <summary>The options of the run in a folder, with what may change between its parts taken from the call.</summary>
    private static PretrainOptions Resumed(PretrainOptions given, RunFolder folder)
    {
        var started = folder.ReadConfig();
        // Held-out images and classes are part of the data, which stays what it was.
        foreach (var (name, had, has) in new[] { ("test", started.Test, given.Test), ("labels", started.Labels, given.Labels) })
            if (had is null && has is not null) throw new WclUsageException($"--{name} {has} was not given when the run in {folder.FullPath} was started, whose images and classes stay as they were; leave it out to go on, or start a new run with another --out.");
        if (started.Init is null && given.Init is not null) throw new WclUsageException($"--init {given.Init} was not given when the run in {folder.FullPath} was started, which began with weights drawn by its seed; leave it out to go on, or start a new run with another --out.");
        given = given with { Precision = PrecisionOf(given, started.Precision) };
        foreach (var option in PretrainOptionTable.All.Where(option => !option.MayChangeOnResume && !option.NamesRun))
            if (option.Show(given) is { } asked && asked != option.Show(Unset) && asked != option.Show(started))
                throw PretrainOptionTable.Changed(option, given, started, folder.FullPath);
        var resumed = PretrainOptionTable.Resumed(started, given) with { Resume = true };
        RunData.RequireThere(started, resumed, dataAlone: true);
        return resumed;
    }

    /// <summary>The precision that was asked for when a run is to go on: what it came to at the start, where the same would come to that here.</summary>
    internal static ComputePrecision PrecisionOf(PretrainOptions given, ComputePrecision started) =>
        (given.Precision, started) is (ComputePrecision.Bf16Fast, ComputePrecision.Bf16) && ComputeDevice.Choose(given.Device ?? ComputeDevice.Auto, given.Precision).Precision == started ? started : given.Precision;
}
