using WclSharp.Augmentation;
using WclSharp.Configuration;
using WclSharp.Evaluation;
using WclSharp.Native;
using WclSharp.Reporting;
using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>What a comparison left behind.</summary>
public sealed record ComparisonResult
{
    /// <summary>Absolute path of its folder.</summary>
    public required string Folder { get; init; }

    /// <summary>The rows of the table.</summary>
    public required IReadOnlyList<MethodComparison> Methods { get; init; }

    /// <summary>compare.json, compare.md and the plots.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>The table as lines of text.</summary>
    public IReadOnlyList<string> Table => ComparisonTable.Text(Methods);

    /// <summary>Runs that diverged: no row has them, and no difference their seeds.</summary>
    public IReadOnlyList<DivergedRun> Diverged { get; init; } = [];

    /// <summary>What the table's differences say, in a sentence; null where there is nothing to differ from.</summary>
    public string? Reading => ComparisonTable.Reading(Methods);
}

/// <summary>
/// Compares methods on equal terms: for every seed the same images, epochs, batch, network and evaluation. Seeds are the outer
/// loop, so that a comparison that is stopped has every method on the same seeds, but for the last. It can be stopped anywhere: the same call
/// goes on, leaves alone what is finished, and may ask for more methods or seeds.
/// </summary>
public static class Comparison
{
    // The same for every method, whereas a rate chosen anew for each would compare choices too.
    internal static readonly LinearProbeSettings LinearProtocol = new();

    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(10);

    /// <summary>Runs to the end, or to where it is cancelled. The table is written anew after every run.</summary>
    /// <param name="options">What to compare.</param>
    /// <param name="progress">Told what happens, on the calling thread; may be null.</param>
    /// <param name="cancellation">Saves the run at work and throws.</param>
    /// <exception cref="WclUsageException">The options or the data are wrong, or are not those of the comparison in the folder.</exception>
    /// <exception cref="WclException">A run failed otherwise than by diverging; what is finished is intact.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the same call goes on.</exception>
    public static ComparisonResult Run(ComparisonOptions options, IProgress<ComparisonProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ComparisonConfig.Validate(options);
        using var folder = ComparisonFolder.Open(options, DateTime.Now);
        progress?.Report(new ComparisonProgress.Started(folder.FullPath));
        if (folder.Options.Training.CropMin is { } crop && options.Training.CropMin is null)
            progress?.Report(new ComparisonProgress.Line(FormattableString.Invariant($"Global crops take {crop} of an image or more in every run, as they do beside local crops; --crop-min says otherwise.")));
        options = folder.Options;
        if (EqualViews.Differ(options))
            progress?.Report(new ComparisonProgress.Warning(FormattableString.Invariant($"Global crops are not the same: beside local crops they take {LocalCrops.GlobalScaleMin} of an image or more, in the other methods' runs, as the comparison was started, less; compare them with --crop-min {LocalCrops.GlobalScaleMin} in another --out.")));
        foreach (var option in PretrainOptionTable.All)
            if (ChangesNothing(option, options))
                progress?.Report(new ComparisonProgress.Warning($"--{option.Name} changes nothing: {(option.OnlyFor is { } only ? $"it belongs to {OptionValue.NameOf(only)}, which is not compared" : "no method that is compared takes it")}."));
        var planned = Enumerable.Range(0, options.Seeds).Select(i => options.Training.Seed + i)
            .SelectMany(seed => options.Methods.Select(method => (Method: method, Name: MethodNames.Of(method), Seed: seed))).ToArray();
        var records = new ComparisonRecords(folder.FullPath);
        string[] methods = [.. options.Methods.Select(MethodNames.Of).Union(records.Runs.Select(run => run.Method))];
        int all = planned.Select(run => (run.Name, run.Seed)).Union(records.Runs).Count();
        ComparisonResult? result = null;
        foreach (var (number, (method, name, seed)) in planned.Index())
        {
            string path = PathOf(name, seed);
            var state = ComparisonRecords.StateOf(path);
            int toTrain = planned.Skip(number).Count(run => ComparisonRecords.StateOf(PathOf(run.Name, run.Seed)) is RunState.New or RunState.Stopped);
            progress?.Report(new ComparisonProgress.Turn { Method = name, Seed = seed, Number = number + 1, Total = planned.Length, State = state, ToTrain = toTrain });
            if (state is RunState.Measured or RunState.Diverged) continue;
            try
            {
                if (state != RunState.Trained) Train(options, method.Apply(options.Training) with { Seed = seed, Out = path, Resume = state == RunState.Stopped }, progress, cancellation);
                var measured = Measure(options, name, seed, path, progress, cancellation);
                records.Add(measured);
                progress?.Report(new ComparisonProgress.Measured(measured));
            }
            catch (DivergedException e)
            {
                // What it says of a method is worth having too, and the others' runs all the more.
                records.Add(new DivergedRun { Method = name, Seed = seed, Folder = FolderOf(name, seed), Message = e.Message });
                progress?.Report(new ComparisonProgress.Warning($"{name} with seed {seed} has diverged: {e.Message}"));
            }

            result = folder.Write(methods, records, all);
        }

        result ??= folder.Write(methods, records, all);
        if (ComparisonTable.Unequal(records.Finished) is { } unequal) progress?.Report(new ComparisonProgress.Warning(unequal));
        if (ComparisonTable.Diverged(result.Diverged) is { } diverged) progress?.Report(new ComparisonProgress.Warning($"Diverged: {diverged}"));
        return result;

        string PathOf(string method, long seed) => Path.Combine(folder.FullPath, FolderOf(method, seed));
    }

    /// <summary>A run's folder, relative to the comparison's.</summary>
    private static string FolderOf(string method, long seed) => $"runs/{ComparisonRecords.NameOf(method, seed)}";

    private static readonly PretrainOptions Unset = new();

    /// <summary>Whether an option is given that every method's runs leave out.</summary>
    internal static bool ChangesNothing(PretrainOption option, ComparisonOptions options) =>
        option.Show(options.Training) is { } given && given != option.Show(Unset) && options.Methods.All(method => option.Show(method.Apply(options.Training)) == option.Show(Unset));

    private static void Train(ComparisonOptions options, PretrainOptions run, IProgress<ComparisonProgress>? progress, CancellationToken cancellation)
    {
        ComparisonRecords.Forget(run.Out!);
        if (options.Program is { } program) TrainingProcess.Run(program, run, text => Tell(progress, text), cancellation);
        else Pretraining.Run(run, new PlainProgress(text => Tell(progress, text), LineInterval), cancellation);
    }

    /// <summary>Passes on what a run prints.</summary>
    private static void Tell(IProgress<ComparisonProgress>? progress, string text) => progress?.Report(text.StartsWith(PlainProgress.WarningStart, StringComparison.Ordinal)
        ? new ComparisonProgress.Warning(text[PlainProgress.WarningStart.Length..])
        : new ComparisonProgress.Line(text));

    /// <summary>How every run is evaluated.</summary>
    internal static RunEvaluationOptions Evaluation(PretrainOptions training, string run) =>
        new() { Run = run, KnnK = training.KnnK, Device = training.Device ?? ComputeDevice.Auto, Linear = true, LinearLearningRate = LinearProtocol.LearningRate };

    private static ComparedRun Measure(ComparisonOptions options, string method, long seed, string path,
        IProgress<ComparisonProgress>? progress, CancellationToken cancellation)
    {
        string folder = FolderOf(method, seed);
        var summary = RunFolder.ReadSummary(path)!;
        // Without labels there is no accuracy, but there is still speed and memory to compare.
        var accuracy = summary.Knn is null ? null : RunEvaluation.Run(Evaluation(options.Training, path), new PlainProgress(text => Tell(progress, text), LineInterval), cancellation);
        if (accuracy is not null && summary.LabelledFingerprint is { } trainedOn && accuracy.TrainFingerprint != trainedOn)
            throw new WclUsageException($"The images are not those that {folder} was trained on any more, so it cannot be measured. Put them back, or start anew with another --out.");
        var last = RunFolder.ReadMetrics(path)[^1];
        return new ComparedRun
        {
            Method = method,
            Seed = seed,
            Folder = folder,
            Knn = accuracy?.Knn,
            KnnBalancedAccuracy = accuracy?.KnnBalancedAccuracy,
            Linear = accuracy?.Linear?.Top1,
            LinearBalancedAccuracy = accuracy?.Linear?.BalancedAccuracy,
            Epochs = summary.Epoch,
            Seconds = summary.Seconds,
            SecondsPerEpoch = summary.Seconds / summary.Epoch,
            PeakRssMib = options.Program is null ? null : summary.PeakMemoryMib,
            PairPrecision = last.PairPrecision,
            PairRecall = last.PairRecall,
            Conflicts = last.Conflicts,
            CropPrecision = last.CropPrecision,
            CropConflicts = last.CropConflicts,
            TrainImages = summary.TrainImages,
            TestImages = accuracy?.TestImages ?? summary.TestImages,
            KnnK = accuracy?.KnnK,
            DatasetFingerprint = summary.DatasetFingerprint,
            TestFingerprint = accuracy?.TestFingerprint,
            Device = summary.Device,
            DeviceKind = summary.DeviceKind,
            Precision = summary.Precision,
            Threads = summary.Threads,
            Avx512 = summary.Avx512,
            Versions = summary.Versions,
        };
    }
}
