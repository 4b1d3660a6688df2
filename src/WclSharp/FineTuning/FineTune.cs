using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.FineTuning;

/// <summary>
/// What a few labels give: for each number of labels and each draw of them, the pretrained encoder fine-tuned, the same network from scratch, and kNN and a linear
/// probe on frozen features, all on the same labels and test images.
/// </summary>
public static class FineTune
{
    /// <summary>Runs the study to its end, or to where it is cancelled; what is finished is kept, and the same call goes on.</summary>
    /// <param name="options">Which encoder, labels and recipe.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="WclUsageException">There is no such run or it is being trained, there are no labels, or an option is wrong.</exception>
    /// <exception cref="WclException">Training failed, by diverging or for want of memory; what is finished is intact.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <remarks>It changes the settings of the whole program that <see cref="Pretraining.Run"/> changes.</remarks>
    public static FineTuneResult Run(FineTuneOptions options, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return LibtorchException.InsteadOf(() => Study(options, progress, cancellation));
    }

    private static FineTuneResult Study(FineTuneOptions options, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        options.Validate();
        var trained = RunFolder.ReadConfig(options.Run);
        RunFolder.RequireIdle(options.Run);
        var compute = ComputeDevice.ChooseFor(options.Device, trained.Precision, progress);
        Allocator.KeepFreedMemory();
        var asked = RunData.Asked(trained, options.Data, options.Test, options.Labels);
        var held = new HeldWarnings(progress); // of images that a folder of other results refuses, nothing need be known
        using var data = Read(trained, asked, held, cancellation);
        if (trained.Method == ContrastiveMethod.SupCon)
            held.Report(new RunProgress.Warning("The run was trained with the classes of all its images (supcon), so what its encoder reaches with few labels says nothing of few labels."));
        using var study = new FineTuneStudy(options, trained, data.Train, data.HeldOut!, compute, progress, cancellation);
        held.PassOn();
        return study.Execute();
    }

    private static PretrainingData Read(PretrainOptions trained, PretrainOptions asked, HeldWarnings held, CancellationToken cancellation)
    {
        PretrainingData? data = null;
        try
        {
            data = RunData.Read(trained, asked, held, cancellation, new() { LabelledAlone = true });
            return data.Train.HasLabels && data.HeldOut is not null ? data : throw RunData.NoLabels(trained, asked, data, "train on and to test with");
        }
        catch
        {
            held.PassOn();
            data?.Dispose();
            throw;
        }
    }

    /// <summary>Passes progress on, but warnings only when it is told to.</summary>
    private sealed class HeldWarnings(IProgress<RunProgress>? next) : IProgress<RunProgress>
    {
        private readonly List<RunProgress> held = [];

        public void Report(RunProgress value)
        {
            if (value is RunProgress.Warning) held.Add(value);
            else next?.Report(value);
        }

        public void PassOn()
        {
            foreach (var warning in held) next?.Report(warning);
            held.Clear();
        }
    }
}
