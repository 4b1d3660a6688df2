using WclSharp.Reporting;

namespace WclSharp.Training;

/// <summary>
/// What an epoch measured: one line of <c>metrics.jsonl</c>, with snake_case keys. A property is null, and its key absent,
/// where it was not measured.
/// </summary>
public sealed record EpochMetrics
{
    /// <summary>What a run measured, epoch by epoch.</summary>
    /// <param name="run">Run folder.</param>
    /// <returns>In the order of the epochs, from 0, before training, on.</returns>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    /// <exception cref="WclUsageException">There is no run in the folder, or the file is damaged.</exception>
    public static IReadOnlyList<EpochMetrics> LoadAll(string run)
    {
        ArgumentException.ThrowIfNullOrEmpty(run);
        RunFolder.RequireConfig(run);
        return RunFolder.ReadMetrics(run);
    }

    /// <summary>Epochs that are finished; 0 is before training: random weights, or those of --init.</summary>
    public int Epoch { get; init; }

    /// <summary>Mean instance loss, nats.</summary>
    public double? InstanceLoss { get; init; }

    /// <summary>Mean weak loss, nats.</summary>
    public double? WeakLoss { get; init; }

    /// <summary>Mean instance loss of local crops, nats.</summary>
    public double? LocalInstanceLoss { get; init; }

    /// <summary>Mean weak loss of local crops, nats.</summary>
    public double? LocalWeakLoss { get; init; }

    /// <summary>Learning rate of the last step.</summary>
    public double? Lr { get; init; }

    /// <summary>Images per second of training, both views of an image counted once.</summary>
    public double? ImagesPerSecond { get; init; }

    /// <summary>Share of the epoch spent waiting for data, 0 to 1.</summary>
    public double? DataWait { get; init; }

    /// <summary>Mean number of connected components per batch.</summary>
    public double? Components { get; init; }

    /// <summary>Mean share of a batch that its largest component holds, 0 to 1.</summary>
    public double? LargestComponent { get; init; }

    /// <summary>Share of rows that belong to their component's most frequent class, 0 to 1.</summary>
    public double? Purity { get; init; }

    /// <summary>Normalised mutual information of components and classes, of the epoch's last batch, 0 to 1. Many components raise it by themselves.</summary>
    public double? Nmi { get; init; }

    /// <summary>The same adjusted for chance, at most 1: 0 where components are random (Vinh, Epps and Bailey, JMLR 2010).</summary>
    public double? Ami { get; init; }

    /// <summary>Share of the pairs that the method pulls together whose classes are the same, 0 to 1.</summary>
    public double? PairPrecision { get; init; }

    /// <summary>Pairs that <see cref="PairPrecision"/> is the share of: those whose classes are both known. Of few, the share says little.</summary>
    public long? LabelledPairs { get; init; }

    /// <summary>Share of the batch's pairs of the same class that the method pulls together, 0 to 1.</summary>
    public double? PairRecall { get; init; }

    /// <summary>Share of the local crops cut from other images whose image has the class of the one that they count for, 0 to 1.</summary>
    public double? CropPrecision { get; init; }

    /// <summary>Share of the pairs (i, j), j among the K nearest images that i's local crops are cut from, whose i is not among j's, in this epoch, 0 to 1.</summary>
    public double? CropConflicts { get; init; }

    /// <summary>Share of the relations (i counts j as alike) that j does not return, 0 to 1; components have none.</summary>
    public double? Conflicts { get; init; }

    /// <summary>kNN top-1 accuracy on held-out images, 0 to 1.</summary>
    public double? Knn { get; init; }

    /// <summary>Mean over the held-out images' classes of their kNN accuracies, 0 to 1, in which a rare class counts as much as a frequent one (balanced accuracy).</summary>
    public double? KnnBalancedAccuracy { get; init; }

    /// <summary>exp of the entropy of the features' normalised singular values (Roy and Vetterli 2007), 1 to the length of a feature vector.</summary>
    public double? EffectiveRank { get; init; }

    /// <summary>Mean squared distance of the instance projections, of unit length, of the two views of an image (Wang and Isola 2020), 0 to 4; lower is tighter.</summary>
    public double? Alignment { get; init; }

    /// <summary>log mean exp(-2 squared distance) over pairs of images (Wang and Isola 2020), of the same projections, -8 to 0; lower is more even.</summary>
    public double? Uniformity { get; init; }

    /// <summary>Seconds of training since the start of the run, evaluation left out.</summary>
    public double? Seconds { get; init; }
}
