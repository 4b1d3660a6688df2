using System.Diagnostics;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Losses;
using WclSharp.Methods;
using WclSharp.Native;
using WclSharp.Neighbors;
using WclSharp.Optimizers;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>
/// The training loop of every method. Reads top to bottom: batch, views, projections, the method's losses, step, sums. What is
/// saved and evaluated between steps is its caller's affair (<see cref="PretrainingRun"/>).
/// </summary>
internal sealed class Trainer : IDisposable
{
    private readonly PretrainOptions options;
    private readonly ImageDataset data;
    private readonly Method method;
    private readonly WclModel model;
    private readonly Optimizer optimizer;
    private readonly Augmenter augmenter;
    private readonly LocalViews? localViews;
    private readonly Device device;
    private readonly bool onProcessor;
    private readonly bool threaded; // whether other threads ask for views and sums while a step is under way
    private readonly LearningRateSchedule schedule;
    private readonly AugmentationPlan augmentation;
    private readonly long[]? classes;
    private readonly Stopwatch training = new(), waiting = new();

    /// <param name="options">Resolved options.</param>
    /// <param name="data">Images to train on.</param>
    /// <param name="method">What is learnt.</param>
    /// <param name="model">Encoder and heads, on the device.</param>
    /// <param name="optimizer">Made of the model's parameters.</param>
    /// <param name="augmenter">Makes the global views.</param>
    /// <param name="localViews">Makes the local crops; null without.</param>
    /// <param name="device">Where the model is.</param>
    /// <param name="threads">Whether other threads ask for the next batch's views and for the sums while a step is under way; null does so where the device is not the processor.</param>
    public Trainer(PretrainOptions options, ImageDataset data, Method method, WclModel model, Optimizer optimizer, Augmenter augmenter, LocalViews? localViews, Device device, bool? threads = null)
    {
        this.localViews = localViews;
        (this.options, this.data, this.method, this.model, this.optimizer, this.augmenter, this.device) = (options, data, method, model, optimizer, augmenter, device);
        onProcessor = device.type == DeviceType.CPU;
        threaded = threads ?? !onProcessor;
        StepsPerEpoch = data.Count / options.Batch!.Value;
        TotalSteps = (long)StepsPerEpoch * options.Epochs!.Value;
        schedule = new LearningRateSchedule(options.LearningRate!.Value, (long)(options.WarmupEpochs!.Value * StepsPerEpoch), TotalSteps);
        augmentation = AugmentationPlan.Of(options);
        classes = data.HasLabels ? [.. data.Labels.ToArray().Select(label => (long)label)] : null;
        Sums = new EpochSums(device, method.HasWeakLoss, method.Views == 2, data.HasLabels ? data.ClassNames.Count : null);
    }

    /// <summary>Learning rate of a step, counted from 0.</summary>
    public double LearningRateAt(long step) => schedule.At(step);

    /// <summary>Steps in an epoch; images that do not fill a batch wait for another epoch's order.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Steps in the run.</summary>
    public long TotalSteps { get; }

    /// <summary>Steps taken since the start of the run.</summary>
    public long Step { get; private set; }

    /// <summary>Epochs that are finished.</summary>
    public int Epoch => (int)(Step / StepsPerEpoch);

    /// <summary>Sums over the running epoch.</summary>
    public EpochSums Sums { get; }

    /// <summary>Seconds spent in steps since the start of the run, that before a resume included.</summary>
    public double Seconds => secondsBefore + training.Elapsed.TotalSeconds;

    private double secondsBefore;

    /// <summary>Goes on from a checkpoint.</summary>
    public void Restore(long step, double seconds, double[] sums, int summedSteps)
    {
        Step = step;
        secondsBefore = seconds;
        Sums.Restore(sums, summedSteps);
    }

    /// <summary>Trains to the end of the running epoch.</summary>
    /// <param name="progress">Told after every step; may be null.</param>
    /// <param name="cancellation">Looked at after every step.</param>
    /// <param name="stepped">Called after every step, as to save; its time is not training's. May be null.</param>
    /// <returns>What the epoch measured.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; the step under way was finished.</exception>
    /// <exception cref="DivergedException">A loss is not finite.</exception>
    public EpochMetrics TrainEpoch(IProgress<RunProgress>? progress, CancellationToken cancellation, Action? stepped = null)
    {
        int epoch = Epoch, firstStep = (int)(Step % StepsPerEpoch);
        if (firstStep == 0) Sums.Clear();
        var recipe = epoch < options.WarmupEpochs ? augmentation.Warmup : augmentation.After;
        double trainedBefore = training.Elapsed.TotalSeconds, waitedBefore = waiting.Elapsed.TotalSeconds;
        // Outlive the views that are under way, which are cut from them.
        using var loader = BatchLoader.InChunks(data, options.Batch!.Value, options.Accumulate, options.Seed, options.Workers!.Value);
        using var batches = loader.Epoch(epoch, firstStep * options.Accumulate, method.Groups).GetEnumerator();
        UpcomingBatch? upcoming = null;
        training.Start();
        try
        {
            bool ahead = threaded && options.Accumulate == 1;
            upcoming = Next(batches, loader, epoch, recipe, ahead);
            while (upcoming is { } batch)
            {
                upcoming = ahead ? Next(batches, loader, epoch, recipe, ahead) : null;
                using (batch) TakeStep(batch, loader, epoch, recipe, schedule.At(Step));
                StepGarbage.Collect();
                Step++;
                Report(epoch, firstStep, trainedBefore, waitedBefore, progress);
                if (stepped is not null)
                {
                    training.Stop();
                    stepped();
                    training.Start();
                }
                cancellation.ThrowIfCancellationRequested();
                upcoming ??= Next(batches, loader, epoch, recipe, ahead);
            }
        }
        finally
        {
            upcoming?.Dispose();
            training.Stop();
        }

        double seconds = training.Elapsed.TotalSeconds - trainedBefore;
        return EpochMeans() with
        {
            ImagesPerSecond = (StepsPerEpoch - firstStep) * options.Batch!.Value / seconds,
            DataWait = (waiting.Elapsed.TotalSeconds - waitedBefore) / seconds,
        };
    }

    /// <summary>Does what belongs to training but to no step; its time is training's.</summary>
    public void Between(Action work)
    {
        training.Start();
        try
        {
            work();
        }
        finally
        {
            training.Stop();
        }
    }

    /// <summary>What the epoch that ended with the last step measured, without speed, which only its own process knows.</summary>
    public EpochMetrics EpochMeans() => Sums.Means() with { Epoch = Epoch, Lr = schedule.At(Step - 1), Seconds = Seconds };

    /// <summary>Gets the next batch, where <paramref name="ahead"/> with its views under way; null at the end of the epoch, which the loader ends with a whole batch.</summary>
    private UpcomingBatch? Next(IEnumerator<ImageBatch> batches, BatchLoader loader, int epoch, AugmentationRecipe recipe, bool ahead)
    {
        waiting.Start();
        var chunks = new ImageBatch[options.Accumulate]; // one, or the chunks of a logical one
        int found = 0;
        while (found < chunks.Length && batches.MoveNext()) chunks[found++] = batches.Current;
        waiting.Stop();
        return found == chunks.Length ? new UpcomingBatch(chunks, ahead ? Prepare : null) : null;

        PreparedViews Prepare(ImageBatch batch)
        {
            using var scope = NewDisposeScope(); // frees what was made where the rest fails
            var pixels = ImageTensor.Of(batch, device);
            var views = Views(batch, pixels, epoch, [.. Enumerable.Range(0, method.Views)], recipe);
            var local = localViews is null ? null : LocalCrops(batch, pixels, loader, epoch, recipe);
            pixels.Detach();
            foreach (var made in (Tensor?[])[views, local]) made?.DetachFromDisposeScope();
            return new(pixels, views, local);
        }
    }

    /// <summary>Views of a batch one after another, [V N, 3, S, S].</summary>
    private Tensor Views(ImageBatch batch, ImageTensor pixels, int epoch, ReadOnlySpan<int> numbers, AugmentationRecipe recipe) =>
        augmenter.Augment(pixels, batch.Indices, epoch, numbers, recipe);

    /// <summary>The local crops of a batch, [M N, 3, s, s].</summary>
    private Tensor LocalCrops(ImageBatch batch, ImageTensor pixels, BatchLoader loader, int epoch, AugmentationRecipe recipe) =>
        localViews!.Make(batch, pixels, epoch, recipe, crop => method.CropSources(batch.Indices, epoch, crop), loader.Assemble);

    private void TakeStep(UpcomingBatch upcoming, BatchLoader loader, int epoch, AugmentationRecipe recipe, double rate)
    {
        using var scope = NewDisposeScope();
        optimizer.ZeroGradients(); // first, so that they are not there beside the activations
        var batch = upcoming.Chunks;
        int[] images = [.. batch.SelectMany(chunk => chunk.Indices)];
        var cache = batch.Count > 1 ? new GradientCache(model, batch, device) : null;
        waiting.Start();
        var prepared = upcoming.Prepared();
        var pixels = prepared?.Pixels ?? (cache is null ? ImageTensor.Of(batch[0], device) : null);
        waiting.Stop();
        // A view of the whole batch, at once or chunk by chunk: of a chunk and its pixels to [n, 3, S, S].
        (Tensor Z, Tensor? V) Project(Func<ImageBatch, ImageTensor, Tensor> view) => cache is null ? model.Project(view(batch[0], pixels!)) : cache.Project(view);
        (Tensor Z, Tensor? V) ProjectView(int number) => Project((chunk, pixels) => Views(chunk, pixels, epoch, [number], recipe)); // [N, 3, S, S] -> [N, D]

        (Tensor Z, Tensor? V) ProjectLocal() => prepared?.Local is { } crops
            ? model.Project(crops)
            : Project((chunk, pixels) => LocalCrops(chunk, pixels, loader, epoch, recipe)); // [M N, 3, s, s] -> [M N, D]

        IReadOnlyList<(Tensor Z, Tensor? V)> ProjectViews()
        {
            int[] numbers = [.. Enumerable.Range(0, method.Views)];
            return cache is not null ? [.. numbers.Select(ProjectView)] : model.ProjectViews(prepared?.Views ?? Views(batch[0], pixels!, epoch, numbers, recipe), numbers.Length);
        }

        var input = MethodInput.Of(ProjectViews(), ProjectView) with
        {
            Classes = ClassesOf(images),
            Images = images,
            Epoch = epoch,
            Step = Step,
            Done = (double)Step / TotalSteps,
            ProjectLocal = localViews is null ? null : ProjectLocal,
            CropPairs = localViews is null ? default : CropPairs(images, epoch),
            CropRelation = method.CropRelation,
        };
        var losses = method.Losses(input);
        bool last = (Step + 1) % StepsPerEpoch == 0; // of its epoch
        var summing = threaded ? Task.Run(() => Sums.Add(losses, input, compare: last)) : null;
        try
        {
            Backpropagation.Run(losses.Total);
            cache?.Backward();
            FiniteLoss.Require(losses.Total, Step, last,
                value => FormattableString.Invariant($"The loss is {value} at step {Step} (epoch {Epoch + 1}, learning rate {rate:G4}). {DivergenceAdvice.Of(options, Step)}"));
            optimizer.Step(rate);
            method.AfterStep(input);
        }
        finally
        {
            summing?.GetAwaiter().GetResult(); // it uses what the scope is about to free
        }
        if (summing is null) Sums.Add(losses, input, compare: last);
    }

    private Tensor? ClassesOf(int[] images) => classes is null
        ? null
        : Upload.To(device, Array.ConvertAll(images, i => classes[i]));

    /// <summary>Local crops of the batch that are cut from other images: those of the image's class, and all of known classes.</summary>
    private (int Right, int Judged) CropPairs(int[] images, int epoch)
    {
        var (right, judged) = (0, 0);
        for (int crop = 0; classes is not null && crop < options.LocalCrops; crop++)
        {
            if (method.CropSources(images, epoch, crop) is not { } sources) continue;
            var found = CropSources.Agreement(images, sources, classes);
            (right, judged) = (right + found.Right, judged + found.Judged);
        }
        return (right, judged);
    }

    private void Report(int epoch, int firstStep, double trainedBefore, double waitedBefore, IProgress<RunProgress>? progress)
    {
        if (progress is null) return;
        double seconds = training.Elapsed.TotalSeconds - trainedBefore;
        int steps = (int)(Step - (long)epoch * StepsPerEpoch) - firstStep;
        // Reading the sums waits for a GPU.
        bool read = onProcessor || Step % 20 == 0;
        var means = read ? Sums.Means() : null;
        progress.Report(new RunProgress.Step
        {
            Epoch = epoch + 1,
            Epochs = options.Epochs!.Value,
            StepInRun = Step,
            StepsInRun = TotalSteps,
            InstanceLoss = means?.InstanceLoss,
            WeakLoss = means?.WeakLoss,
            ImagesPerSecond = steps * options.Batch!.Value / seconds,
            DataWait = (waiting.Elapsed.TotalSeconds - waitedBefore) / seconds,
            Remaining = TimeSpan.FromSeconds(seconds / steps * (TotalSteps - Step)),
        });
    }

    public void Dispose() => Sums.Dispose();
}
