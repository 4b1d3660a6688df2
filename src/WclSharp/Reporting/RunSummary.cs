namespace WclSharp.Reporting;

/// <summary>
/// What a run came to: <c>summary.json</c>, with snake_case keys. A property is null, and its key absent, where it was
/// not measured.
/// </summary>
public sealed record RunSummary
{
    internal const string Finished = "finished", Stopped = "stopped", Diverged = "diverged";

    /// <summary>The last figures of a run.</summary>
    /// <param name="run">Run folder.</param>
    /// <returns>Null where there are none yet.</returns>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="WclUsageException">There is no run in the folder, or the file is damaged.</exception>
    public static RunSummary? Load(string run)
    {
        ArgumentException.ThrowIfNullOrEmpty(run);
        RunFolder.RequireConfig(run);
        return RunFolder.ReadSummary(run);
    }

    /// <summary><c>finished</c>; <c>stopped</c> where a signal or an error ended the run early, <c>diverged</c> where the error was that a loss or weights are not finite.</summary>
    public required string Status { get; init; }

    /// <summary>Contrastive method, as on the command line.</summary>
    public required string Method { get; init; }

    /// <summary>Seed of everything random.</summary>
    public required long Seed { get; init; }

    /// <summary>Epochs that are finished.</summary>
    public int Epoch { get; init; }

    /// <summary>Epochs that were asked for.</summary>
    public int Epochs { get; init; }

    /// <summary>kNN top-1 accuracy before training, of random weights or those of --init, 0 to 1.</summary>
    public double? KnnBefore { get; init; }

    /// <summary>kNN top-1 accuracy of the last evaluation, 0 to 1.</summary>
    public double? Knn { get; init; }

    /// <summary>Mean over classes of the kNN accuracies before training, 0 to 1 (balanced accuracy).</summary>
    public double? KnnBalancedAccuracyBefore { get; init; }

    /// <summary>Mean over classes of the kNN accuracies of the last evaluation, 0 to 1.</summary>
    public double? KnnBalancedAccuracy { get; init; }

    /// <summary>Mean instance loss of the last epoch, nats.</summary>
    public double? InstanceLoss { get; init; }

    /// <summary>Mean weak loss of the last epoch, nats.</summary>
    public double? WeakLoss { get; init; }

    /// <summary>Mean instance loss of local crops of the last epoch, nats.</summary>
    public double? LocalInstanceLoss { get; init; }

    /// <summary>Mean weak loss of local crops of the last epoch, nats.</summary>
    public double? LocalWeakLoss { get; init; }

    /// <summary>Learning rate of the last step.</summary>
    public double? Lr { get; init; }

    /// <summary>Images per second of the last epoch, both views of an image counted once.</summary>
    public double? ImagesPerSecond { get; init; }

    /// <summary>Share of the last epoch spent waiting for data, 0 to 1.</summary>
    public double? DataWait { get; init; }

    /// <summary>Mean number of connected components per batch, last epoch.</summary>
    public double? Components { get; init; }

    /// <summary>Mean share of a batch that its largest component holds, last epoch, 0 to 1.</summary>
    public double? LargestComponent { get; init; }

    /// <summary>Share of rows in their component's most frequent class, last epoch, 0 to 1.</summary>
    public double? Purity { get; init; }

    /// <summary>Normalised mutual information of components and classes, of the last batch, 0 to 1.</summary>
    public double? Nmi { get; init; }

    /// <summary>The same adjusted for chance, at most 1.</summary>
    public double? Ami { get; init; }

    /// <summary>Share of the pairs that the method pulls together whose classes are the same, last epoch, 0 to 1.</summary>
    public double? PairPrecision { get; init; }

    /// <summary>Share of the pairs of the same class that the method pulls together, last epoch, 0 to 1.</summary>
    public double? PairRecall { get; init; }

    /// <summary>Share of the local crops cut from other images that are of the class of the one that they count for, last epoch, 0 to 1.</summary>
    public double? CropPrecision { get; init; }

    /// <summary>Share of the pairs (i, j), j among the K nearest images that i's local crops are cut from, whose i is not among j's, last epoch, 0 to 1.</summary>
    public double? CropConflicts { get; init; }

    /// <summary>Share of the relations that are not returned, last epoch, 0 to 1.</summary>
    public double? Conflicts { get; init; }

    /// <summary>Effective rank of the features at the last evaluation.</summary>
    public double? EffectiveRank { get; init; }

    /// <summary>Mean squared distance of the two views' instance projections, last epoch, 0 to 4.</summary>
    public double? Alignment { get; init; }

    /// <summary>Mean uniformity of the instance projections in a batch, last epoch, -8 to 0.</summary>
    public double? Uniformity { get; init; }

    /// <summary>Seconds of training, evaluation left out.</summary>
    public double? Seconds { get; init; }

    /// <summary>Seconds from start to end of this process's part of the run, everything included.</summary>
    public double? WallSeconds { get; init; }

    /// <summary>Peak resident memory of the run, MiB: the largest of its processes, of one that was killed until its last checkpoint.</summary>
    public double? PeakMemoryMib { get; init; }

    /// <summary>Hash of the training images that were used.</summary>
    public string? DatasetFingerprint { get; init; }

    /// <summary>Hash of those of them that have a class, by which what is measured later is told from what was trained on; null in summaries that do not say.</summary>
    public string? LabelledFingerprint { get; init; }

    /// <summary>Images that were trained on.</summary>
    public long? TrainImages { get; init; }

    /// <summary>Held-out images that kNN was measured on.</summary>
    public long? TestImages { get; init; }

    /// <summary>Images that could not be read.</summary>
    public long? BadImages { get; init; }

    /// <summary>Device that was trained on, for people.</summary>
    public string? Device { get; init; }

    /// <summary>What kind it is: cpu or cuda.</summary>
    public string? DeviceKind { get; init; }

    /// <summary>Number format that was trained in: fp32, bf16 or bf16-fast.</summary>
    public string? Precision { get; init; }

    /// <summary>Threads that computed, in the last process; null on a GPU. Another number rounds sums otherwise.</summary>
    public int? Threads { get; init; }

    /// <summary>Whether loops of our own used AVX-512, in the last process; null on a GPU. Those without it round otherwise.</summary>
    public bool? Avx512 { get; init; }

    /// <summary>What the run was made with.</summary>
    public SoftwareVersions? Versions { get; init; }

    /// <summary>This summary with the last of every metric that was measured.</summary>
    internal RunSummary WithMetrics(IReadOnlyList<Training.EpochMetrics> metrics)
    {
        double? Last(Func<Training.EpochMetrics, double?> metric) => metrics.Select(metric).LastOrDefault(value => value is not null);
        return this with
        {
            Epoch = metrics.Count == 0 ? 0 : metrics.Max(m => m.Epoch),
            KnnBefore = metrics.FirstOrDefault(m => m.Epoch == 0)?.Knn,
            Knn = Last(m => m.Knn),
            KnnBalancedAccuracyBefore = metrics.FirstOrDefault(m => m.Epoch == 0)?.KnnBalancedAccuracy,
            KnnBalancedAccuracy = Last(m => m.KnnBalancedAccuracy),
            InstanceLoss = Last(m => m.InstanceLoss),
            WeakLoss = Last(m => m.WeakLoss),
            LocalInstanceLoss = Last(m => m.LocalInstanceLoss),
            LocalWeakLoss = Last(m => m.LocalWeakLoss),
            Lr = Last(m => m.Lr),
            ImagesPerSecond = Last(m => m.ImagesPerSecond),
            DataWait = Last(m => m.DataWait),
            Components = Last(m => m.Components),
            LargestComponent = Last(m => m.LargestComponent),
            Purity = Last(m => m.Purity),
            Nmi = Last(m => m.Nmi),
            Ami = Last(m => m.Ami),
            PairPrecision = Last(m => m.PairPrecision),
            PairRecall = Last(m => m.PairRecall),
            CropPrecision = Last(m => m.CropPrecision),
            CropConflicts = Last(m => m.CropConflicts),
            Conflicts = Last(m => m.Conflicts),
            EffectiveRank = Last(m => m.EffectiveRank),
            Alignment = Last(m => m.Alignment),
            Uniformity = Last(m => m.Uniformity),
            Seconds = Last(m => m.Seconds),
        };
    }
}
