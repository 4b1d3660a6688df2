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
internal sealed class PretrainingRun : IDisposable
{
    private readonly RunFolder folder;
    private readonly CheckpointStore checkpoints;
    private readonly Resumption resumption;
    private readonly IProgress<RunProgress>? progress;
    private readonly CancellationToken cancellation;
    private readonly long started = Stopwatch.GetTimestamp();
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
    private readonly string? initial; // what the weights are at first, where not random
    private double earlierPeakMib; // of the processes before this one
    private (long Step, int Epoch)? saved; // of the last checkpoint of this process
    private int written; // the last epoch with a line in metrics.jsonl

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
                initial = EncoderWeights.Load(model.Encoder, options.Init);
                if (EncoderWeights.NormalizationOf(options.Init) is { } theirs && theirs != data.Normalization)
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

    /// <summary>Adds what is measured of the network to an epoch's metrics. Tests say it instead.</summary>
    public Func<EpochMetrics, EpochMetrics> Measure { private get; init; }

    /// <summary>Trains to the end.</summary>
    public PretrainResult Execute()
    {
        Report(new RunProgress.Started(options, RunFacts.Of(options, data, model, initial, compute, trainer.StepsPerEpoch)));
        double? bestKnn = null;
        bool isRestored = false;
        if (options.Resume)
        {
            if (resumption.Restore(model, optimizer, method, trainer, data, compute) is { } state)
                (isRestored, written, bestKnn, earlierPeakMib) = (true, state.Epoch, state.BestKnn, state.PeakMemoryMib ?? 0);
            folder.WriteConfig(options); // where the images are by now, and what else may change
        }

        saving.Begin();
        try
        {
            try
            {
                if (trainer.Step == 0 && !isRestored) Finish(new EpochMetrics { Epoch = 0 }, evaluate: true, ref bestKnn);
                else if (IsEpochUnfinished()) FinishEpoch(trainer.EpochMeans(), ref bestKnn);
                while (trainer.Step < trainer.TotalSteps)
                {
                    FinishEpoch(trainer.TrainEpoch(progress, cancellation, () => SaveWithinEpoch(bestKnn)), ref bestKnn);
                }
            }
            catch (OperationCanceledException)
            {
                // An epoch whose evaluation was cut short is saved as it stands, and measured when the run goes on.
                if (trainer.Step > 0 && saved != (trainer.Step, written))
                {
                    RequireFinite();
                    Save(bestKnn, best: false);
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

    /// <summary>Refuses what is wrong whatever the images are: reading them can take hours.</summary>
    private void RequireBeforeReading(PretrainOptions given)
    {
        var resolved = Presets.RequireWithoutData(given);
        if (given.Resume) resumption.RequireNothingLost();
        if (given.Test is not null) ImageSources.Open(given.Test).Dispose();
        if (given.Init is not null && checkpoints.Last is null) EncoderWeights.RequireFit(given.Init, resolved.Arch, resolved.Width, resolved.Stem); // which no images change
    }

    /// <summary>True where the last part of the run stopped between an epoch's last step and its line in metrics.jsonl.</summary>
    private bool IsEpochUnfinished() => trainer.Step % trainer.StepsPerEpoch == 0 && folder.ReadMetrics().All(m => m.Epoch < trainer.Epoch);

    private void FinishEpoch(EpochMetrics metrics, ref double? bestKnn)
    {
        if (saving.IsDueBeforeMeasuring)
        {
            RequireFinite();
            Save(bestKnn, best: false); // as a run that is stopped here does; one that goes on from it measures the epoch
        }

        if (trainer.Step < trainer.TotalSteps)
        {
            trainer.Between(() => method.AfterEpoch(new EpochEnd(metrics.Epoch, evaluator.TrainFeatures, (done, all) => progress.Working("Finding nearest images", done, all), cancellation)));
            metrics = metrics with { Seconds = trainer.Seconds };
        }
        Finish(metrics, evaluate: metrics.Epoch % options.EvaluateEvery!.Value == 0 || metrics.Epoch == options.Epochs, ref bestKnn);
    }

    /// <summary>After an epoch: measure, save, tell. The line comes before the checkpoint; a crash between the two repeats the epoch, and <see cref="Resumption.Restore"/> drops the line.</summary>
    private void Finish(EpochMetrics metrics, bool evaluate, ref double? bestKnn)
    {
        RequireFinite();
        if (evaluate) metrics = Measure(metrics);
        evaluator.Forget();
        bool best = metrics.Knn is { } knn && !(knn <= bestKnn) && metrics.Epoch > 0;
        if (best) bestKnn = metrics.Knn;
        folder.AppendMetrics(metrics);
        written = metrics.Epoch;
        if ((metrics.Epoch > 0 || options.Epochs == 0) && (best || metrics.Epoch == options.Epochs || saving.IsDue)) Save(bestKnn, best);
        Report(new RunProgress.EpochDone(metrics, options.Epochs!.Value));
        foreach (string warning in QualityWarnings.Of(metrics, model.Encoder.FeatureSize, evaluator.ImagesForRank)) Warn(warning);
        if (evaluate) DrawCurves();
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Saves after a step of an epoch that takes long. An epoch's last step is saved before it is measured, or with what that gave.</summary>
    private void SaveWithinEpoch(double? bestKnn)
    {
        if (trainer.Step % trainer.StepsPerEpoch == 0 || !saving.IsOverdue) return;
        RequireFinite();
        Save(bestKnn, best: false);
    }

    private void Save(double? bestKnn, bool best) => saving.Save(() => WriteCheckpoint(bestKnn, best));

    private void WriteCheckpoint(double? bestKnn, bool best)
    {
        double[] sums = trainer.Sums.Values;
        // On a GPU the loss is looked at now and then, and a run may be stopped in between.
        if (!sums.All(double.IsFinite)) throw Diverged("The loss is");
        checkpoints.Save(model, optimizer, method, new CheckpointState
        {
            Epoch = written,
            Step = trainer.Step,
            Seconds = trainer.Seconds,
            Sums = sums,
            SummedSteps = trainer.Sums.Steps,
            BestKnn = bestKnn,
            DatasetFingerprint = data.Train.Fingerprint,
            LabelledFingerprint = data.LabelledFingerprint,
            TestFingerprint = data.HeldOut?.Fingerprint,
            Device = compute.Kind,
            DeviceName = compute.Model,
            Threads = get_num_threads(),
            Version = SoftwareVersions.Library,
            PeakMemoryMib = PeakMib,
        }, EncoderWeights.Describe(model.Encoder, options.ImageSize!.Value, data.Normalization), best);
        saved = (trainer.Step, written);
    }

    /// <summary>The loss is looked at before the step that it leads to: a last step can ruin weights unseen.</summary>
    private void RequireFinite()
    {
        if (!FiniteLoss.AreFinite(model.Modules.Select(part => part.Module))) throw Diverged("The network's weights are");
    }

    private DivergedException Diverged(string what) => new($"{what} no longer finite (epoch {trainer.Epoch}, step {trainer.Step}), so nothing more was saved. {DivergenceAdvice.Of(options, trainer.Step)}");

    /// <summary>What the run is for comes first: pictures need a pass over the images, and may fail.</summary>
    private PretrainResult Conclude()
    {
        using (var last = File.OpenRead(CheckpointStore.EncoderFile(checkpoints.Last!))) AtomicFile.Write(EncoderPath, last.CopyTo);
        Summarise(RunSummary.Finished);
        DrawCurves();
        Draw("neighbors.png", evaluator.DrawNeighbors);
        return new PretrainResult(folder.FullPath, EncoderPath, Summarise(RunSummary.Finished));
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

    /// <summary>Says in the summary how the run ended early. Where that fails too, what ended it is the error to be told.</summary>
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
            WallSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds,
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
