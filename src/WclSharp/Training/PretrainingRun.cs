using System.Diagnostics;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Files;
using WclSharp.Kernels;
using WclSharp.Methods;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Reporting;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>One run from data to pictures: read, build, then train, evaluate and save epoch by epoch.</summary>
/// <remarks>
/// How far a run has come, in three numbers: <see cref="Trainer.Step"/>, the steps taken; <see cref="Trainer.Epoch"/>, the epochs whose steps are all taken; <see cref="Measured.Epoch"/>, the last epoch with a line in
/// metrics.jsonl, which is 0 for the network before training. An epoch is trained first, then measured. In between the last number is one less than the second. A checkpoint holds the first and the last.
/// <code>
/// event                               line           checkpoint                                a resume from here
/// the untrained network is measured   of epoch 0     only with --epochs 0                      starts anew, and measures it again
/// a step within an epoch              none           if IsDueWithinEpoch                       goes on with the next step
/// an epoch's last step                none           if IsDueBeforeMeasuring                   measures the epoch, whose sums the checkpoint has
/// the epoch is measured               of the epoch   if best or last, or IsDueAfterMeasuring   goes on with the next epoch
/// a signal to stop                    none           if not saved since the event before       as after that event; before the first step it starts anew
/// an error, divergence, a kill        none           none                                      goes on from the last checkpoint
/// the end                             none           none                                      writes encoder, summary and pictures again
/// </code>
/// Where no checkpoint was due, a resume goes on from an earlier one: it drops the lines of later epochs, and trains and measures these again.
/// </remarks>
internal sealed class PretrainingRun : IDisposable
{
    private readonly RunFolder folder;
    private readonly CheckpointStore checkpoints;
    private readonly Resumption resumption;
    private readonly IProgress<RunProgress>? progress;
    private readonly CancellationToken cancellation;
    private readonly long startTime = Stopwatch.GetTimestamp();
    private readonly PretrainOptions options;
    private readonly ComputeDevice compute;
    private readonly PretrainingData data;
    private readonly Augmenter augmenter;
    private readonly Method method;
    private readonly WclModel model;
    private readonly Optimizer optimizer;
    private readonly Trainer trainer;
    private readonly Evaluator evaluator;
    private readonly SavingSchedule saving = new();
    private readonly string? initialWeights; // what they are, where not random
    private double earlierPeakMib; // of the processes before this one
    private Measured measured;
    private (long Step, int MeasuredEpoch)? lastSaved; // the last checkpoint of this process

    /// <summary>What was measured so far, by this process and those before it.</summary>
    /// <param name="Epoch">The last epoch with a line in metrics.jsonl.</param>
    /// <param name="BestKnn">The best kNN accuracy of an epoch; null without.</param>
    private readonly record struct Measured(int Epoch, double? BestKnn);

    public PretrainingRun(PretrainOptions given, RunFolder folder, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        (this.folder, this.progress, this.cancellation) = (folder, progress, cancellation);
        Allocator.KeepFreedMemory();
        checkpoints = new CheckpointStore(folder.CheckpointFolder);
        resumption = new Resumption(folder, checkpoints, Warn);
        compute = ComputeDevice.Choose(given.Device ?? ComputeDevice.Auto, given.Precision, progress);
        RequireBeforeReading(given);
        data = PretrainingData.Read(given, folder, progress, cancellation);
        try
        {
            var resolved = Presets.Resolve(given, data.Facts);
            options = resolved.Options with { Out = folder.FullPath, Precision = compute.PrecisionOf(given) };
            foreach (string warning in data.Warnings.Concat(data.TestWarnings).Concat(resolved.Warnings)) Warn(warning);
            if (options.Precision != compute.Precision)
                Warn($"The run was started in {OptionValue.NameOf(options.Precision)}, which {compute.Name} does not compute in, and goes on in {compute.TypeName}: the weights will differ.");
            method = MethodFactory.Create(options, data.Train.Count, data.Train.HasLabels, compute.Device);

            augmenter = new Augmenter(options.ImageSize!.Value, data.Normalization, options.Seed, compute.Device);
            model = new WclModel(options, method.HasWeakHead, compute);
            // A run without a checkpoint starts anew, from the same weights.
            if (options.Init is not null && checkpoints.Last is null)
            {
                initialWeights = EncoderWeights.Load(model.Encoder, options.Init);
                var input = EncoderWeights.InputOf(options.Init);
                if (input is { ImageSize: var size } && size != options.ImageSize)
                    Warn($"The weights of --init were trained at {size} x {size} pixels; this run is at {options.ImageSize} x {options.ImageSize}. --image-size {size} makes it the same.");
                if (input is { Normalization: var theirs } && theirs != data.Normalization)
                    Warn($"The weights of --init were trained on images normalised by {theirs.Describe()}; this run normalises by {data.Normalization.Describe()}, which follow from its --image-size and channels, so the encoder's features will differ from those it gave before.");
                if (WarmStart.Warning(options, data, cancellation) is { } seen) Warn(seen);
            }
            if (!given.Resume) folder.WriteConfig(options); // from here on the folder is that of a run, to be resumed
            optimizer = Optimizer.Create(options.Optimizer!.Value, model.Parameters, options.WeightDecay!.Value);
            var localViews = MethodFactory.HasLocalCrops(options) ? new LocalViews(options, data.Normalization, compute.Device) : null;
            trainer = new Trainer(options, data.Train, method, model, optimizer, augmenter, localViews, compute.Device);
            evaluator = new Evaluator(data, model.Encoder, augmenter, options, compute.Device, progress, cancellation);
            Measure = evaluator.Measure;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="SavingSchedule.LongestUnsaved"/>
    public TimeSpan LongestUnsaved { init => saving.LongestUnsaved = value; }

    /// <inheritdoc cref="SavingSchedule.WorthKeeping"/>
    public TimeSpan WorthKeeping { init => saving.WorthKeeping = value; }

    /// <inheritdoc cref="SavingSchedule.LargestShare"/>
    public double LargestShareOfSaving { init => saving.LargestShare = value; }

    /// <summary>Measures the network and adds that to an epoch's metrics. Tests put their own here.</summary>
    public Func<EpochMetrics, EpochMetrics> Measure { private get; init; }

    /// <summary>Trains to the end.</summary>
    public PretrainResult Execute()
    {
        Report(new RunProgress.Started(options, RunFacts.Of(options, data, model, initialWeights, compute, trainer.StepsPerEpoch)));
        bool isRestored = false;
        if (options.Resume)
        {
            if (resumption.Restore(model, optimizer, method, trainer, data, compute) is { } state)
                (isRestored, measured, earlierPeakMib) = (true, new Measured(state.Epoch, state.BestKnn), state.PeakMemoryMib ?? 0);
            folder.WriteConfig(options); // where the images are by now, and what else may change
        }

        saving.Begin();
        try
        {
            try
            {
                if (trainer.Step == 0 && !isRestored) MeasureAndSave(new EpochMetrics { Epoch = 0 }, evaluate: true);
                else if (IsEpochUnfinished()) FinishEpoch(trainer.EpochMeans());
                while (trainer.Step < trainer.TotalSteps) FinishEpoch(trainer.TrainEpoch(progress, cancellation, SaveWithinEpoch));
            }
            catch (OperationCanceledException)
            {
                // An epoch whose evaluation was cut short is saved as it stands, and measured when the run goes on.
                if (trainer.Step > 0 && lastSaved != (trainer.Step, measured.Epoch))
                {
                    RequireFinite();
                    Save(best: false);
                }
                SummariseEnd(RunSummary.Stopped);
                throw;
            }
            return Conclude();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            SummariseEnd(e is DivergedException ? RunSummary.Diverged : RunSummary.Stopped);
            if (RunFailure.Explained(e, checkpoints, folder.FullPath) is { } explained) throw explained;
            throw;
        }
    }

    /// <summary>Refuses what is wrong whatever the images are, before they are read, which can take hours.</summary>
    private void RequireBeforeReading(PretrainOptions given)
    {
        var resolved = Presets.RequireWithoutData(given);
        if (given.Resume) resumption.RequireNothingLost();
        if (given.Test is not null) ImageSources.Open(given.Test).Dispose();
        if (given.Init is not null && checkpoints.Last is null) EncoderWeights.RequireFit(given.Init, resolved.Arch, resolved.Width, resolved.Stem); // which no images change
    }

    /// <summary>Whether the last part of the run stopped between an epoch's last step and the epoch's line in metrics.jsonl.</summary>
    private bool IsEpochUnfinished() => trainer.Step % trainer.StepsPerEpoch == 0 && folder.ReadMetrics().All(m => m.Epoch < trainer.Epoch);

    /// <summary>After an epoch's last step: lets the method look at all images where training goes on, then measures and saves.</summary>
    /// <param name="metrics">What training itself measured of the epoch.</param>
    private void FinishEpoch(EpochMetrics metrics)
    {
        if (saving.IsDueBeforeMeasuring)
        {
            RequireFinite();
            Save(best: false); // as a run that is stopped here does; one that goes on from it measures the epoch
        }

        if (trainer.Step < trainer.TotalSteps)
        {
            trainer.Between(() => method.AfterEpoch(new EpochEnd(metrics.Epoch, evaluator.TrainFeatures, (done, all) => progress.Working("Finding nearest images", done, all), cancellation)));
            metrics = metrics with { Seconds = trainer.Seconds };
        }
        MeasureAndSave(metrics, evaluate: metrics.Epoch % options.EvaluateEvery!.Value == 0 || metrics.Epoch == options.Epochs);
    }

    /// <summary>Measures the network, writes the epoch's line, saves and reports. After a crash between the line and the checkpoint <see cref="Resumption.Restore"/> drops the line, and the epoch comes again.</summary>
    /// <param name="metrics">What is known of the epoch so far; its number is 0 before training.</param>
    /// <param name="evaluate">Whether the network is measured; else the line has training's figures alone.</param>
    private void MeasureAndSave(EpochMetrics metrics, bool evaluate)
    {
        RequireFinite();
        if (evaluate) metrics = Measure(metrics);
        evaluator.Forget();
        bool best = metrics.Knn is { } knn && !(knn <= measured.BestKnn) && metrics.Epoch > 0;
        folder.AppendMetrics(metrics);
        measured = new Measured(metrics.Epoch, best ? metrics.Knn : measured.BestKnn);
        if ((metrics.Epoch > 0 || options.Epochs == 0) && (best || metrics.Epoch == options.Epochs || saving.IsDueAfterMeasuring)) Save(best);
        Report(new RunProgress.EpochDone(metrics, options.Epochs!.Value));
        foreach (string warning in QualityWarnings.Of(metrics, model.Encoder.FeatureSize, evaluator.ImagesForRank)) Warn(warning);
        if (evaluate) DrawCurves();
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Saves after a step of an epoch that takes long; not after the last one, which <see cref="FinishEpoch"/> saves.</summary>
    private void SaveWithinEpoch()
    {
        if (trainer.Step % trainer.StepsPerEpoch == 0 || !saving.IsDueWithinEpoch) return;
        RequireFinite();
        Save(best: false);
    }

    private void Save(bool best) => saving.Save(() => WriteCheckpoint(best));

    private void WriteCheckpoint(bool best)
    {
        double[] sums = trainer.Sums.Values;
        // On a GPU the loss is looked at now and then, and a run may be stopped in between.
        if (!sums.All(double.IsFinite)) throw Diverged("The loss is");
        checkpoints.Save(model, optimizer, method, new CheckpointState
        {
            Epoch = measured.Epoch,
            Step = trainer.Step,
            Seconds = trainer.Seconds,
            Sums = sums,
            SummedSteps = trainer.Sums.Steps,
            BestKnn = measured.BestKnn,
            DatasetFingerprint = data.Train.Fingerprint,
            LabelledFingerprint = data.LabelledFingerprint,
            TestFingerprint = data.HeldOut?.Fingerprint,
            Device = compute.Kind,
            DeviceName = compute.Model,
            Threads = get_num_threads(),
            Version = SoftwareVersions.Library,
            PeakMemoryMib = PeakMib,
        }, EncoderWeights.Describe(model.Encoder, options.ImageSize!.Value, data.Normalization), best);
        lastSaved = (trainer.Step, measured.Epoch);
    }

    /// <summary>Refuses to go on with weights that are not finite. The loss is checked before the step that it leads to, so it does not show what the last step did.</summary>
    private void RequireFinite()
    {
        if (!FiniteLoss.AreFinite(model.Modules.Select(part => part.Module))) throw Diverged("The network's weights are");
    }

    private DivergedException Diverged(string what) => new($"{what} no longer finite (epoch {trainer.Epoch}, step {trainer.Step}), so nothing more was saved. {DivergenceAdvice.Of(options, trainer.Step)}");

    /// <summary>Writes the results. The encoder and the summary, which the run is for, come before the pictures, which need a pass over the images and may fail.</summary>
    private PretrainResult Conclude()
    {
        using (var last = File.OpenRead(CheckpointStore.EncoderFile(checkpoints.Last!))) AtomicFile.Write(EncoderPath, last.CopyTo);
        Summarise(RunSummary.Finished);
        DrawCurves();
        Draw("neighbors.png", evaluator.DrawNeighbors);
        return new PretrainResult { RunFolder = folder.FullPath, EncoderFile = EncoderPath, Summary = Summarise(RunSummary.Finished) };
    }

    /// <summary>Draws a picture; one that fails is no reason to end a run.</summary>
    private void Draw(string name, Action<string> draw)
    {
        try
        {
            draw(Path.Combine(folder.PlotFolder, name));
        }
        catch (Exception e)
        {
            Warn($"The picture {name} was not drawn: {(e is OperationCanceledException ? "the run was told to stop, and all else of it is there." : RunFailure.OneLine(e))}");
        }
    }

    /// <summary>Says in the summary how the run ended early. Where that fails too, it is only logged: the error to be told is the one that ended the run.</summary>
    private void SummariseEnd(string status)
    {
        try
        {
            Summarise(status);
        }
        catch (Exception e)
        {
            folder.Log($"no summary: {RunFailure.OneLine(e)}");
        }
    }

    private double PeakMib => Math.Max(earlierPeakMib, ProcessMemory.PeakMiB);

    private string EncoderPath => RunFolder.EncoderOf(folder.FullPath);

    private RunSummary Summarise(string status)
    {
        var summary = new RunSummary
        {
            Status = status,
            Method = OptionValue.NameOf(options.Method),
            Seed = options.Seed,
            Epochs = options.Epochs!.Value,
            WallSeconds = Stopwatch.GetElapsedTime(startTime).TotalSeconds,
            PeakMemoryMib = PeakMib,
            DatasetFingerprint = data.Train.Fingerprint,
            LabelledFingerprint = data.LabelledFingerprint,
            TrainImages = data.Train.Count,
            TestImages = data.HeldOut?.LabelledCount,
            BadImages = data.BadImages,
            Device = compute.Name,
            DeviceKind = compute.Kind,
            Precision = compute.TypeName,
            Threads = compute.IsGpu ? null : get_num_threads(),
            Avx512 = compute.IsGpu ? null : MatrixKernel.IsSupported,
            Versions = SoftwareVersions.Current,
        }.WithMetrics(folder.ReadMetrics());
        folder.WriteSummary(summary);
        return summary;
    }

    private void DrawCurves() => Draw("curves.png", path => CurvesPlot.Write(path, folder.ReadMetrics(), $"{OptionValue.NameOf(options.Method)} on {data.Name}, seed {options.Seed}", data.HeldOut?.LabelledCount, new RateCurve(trainer.StepsPerEpoch, trainer.LearningRateAt)));

    private void Warn(string message) => Report(new RunProgress.Warning(message));

    private void Report(RunProgress report) => progress?.Report(report);

    public void Dispose()
    {
        evaluator?.Dispose();
        trainer?.Dispose();
        optimizer?.Dispose();
        model?.Dispose();
        method?.Dispose();
        data?.Dispose();
    }
}
