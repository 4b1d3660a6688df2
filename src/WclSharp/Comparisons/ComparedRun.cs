using System.Globalization;
using WclSharp.Reporting;

namespace WclSharp.Comparisons;

/// <summary>What one run of a comparison came to: <c>compared.json</c> in its folder. Null is what was not measured.</summary>
public sealed record ComparedRun
{
    /// <summary>Method, as on the command line.</summary>
    public required string Method { get; init; }

    /// <summary>Seed of everything random in the run.</summary>
    public required long Seed { get; init; }

    /// <summary>Run folder, relative to the comparison's.</summary>
    public required string Folder { get; init; }

    /// <summary>kNN top-1 accuracy of the last epoch's encoder, 0 to 1.</summary>
    public double? Knn { get; init; }

    /// <summary>Mean over the held-out images' classes of their kNN accuracies, 0 to 1 (balanced accuracy); null in a record of a version that did not count it.</summary>
    public double? KnnBalancedAccuracy { get; init; }

    /// <summary>Top-1 accuracy of the linear probe on it, 0 to 1.</summary>
    public double? Linear { get; init; }

    /// <summary>The same of the linear probe.</summary>
    public double? LinearBalancedAccuracy { get; init; }

    /// <summary>Epochs of training.</summary>
    public int Epochs { get; init; }

    /// <summary>Seconds of training, evaluation left out.</summary>
    public double? Seconds { get; init; }

    /// <summary>The same, an epoch.</summary>
    public double? SecondsPerEpoch { get; init; }

    /// <summary>Peak resident memory of the run's process, MiB; null where it had none of its own.</summary>
    public double? PeakRssMib { get; init; }

    /// <summary>Share of the pairs that the method pulled together whose classes are the same, last epoch, 0 to 1.</summary>
    public double? PairPrecision { get; init; }

    /// <summary>Share of the batch's pairs of the same class that the method pulled together, last epoch, 0 to 1.</summary>
    public double? PairRecall { get; init; }

    /// <summary>Share of the method's relations that are not returned, last epoch, 0 to 1.</summary>
    public double? Conflicts { get; init; }

    /// <summary>Share of the local crops cut from other images whose image is of the class of the one that they count for, last epoch, 0 to 1.</summary>
    public double? CropPrecision { get; init; }

    /// <summary>Share of the pairs (i, j), j among the K nearest images that i's local crops are cut from, whose i is not among j's, last epoch, 0 to 1.</summary>
    public double? CropConflicts { get; init; }

    /// <summary>Images that were trained on.</summary>
    public long? TrainImages { get; init; }

    /// <summary>Held-out images that were classified.</summary>
    public long? TestImages { get; init; }

    /// <summary>Neighbours of the kNN classifier.</summary>
    public int? KnnK { get; init; }

    /// <summary>Hash of the training images; the same for every method of a seed.</summary>
    public string? DatasetFingerprint { get; init; }

    /// <summary>Hash of the held-out images; the same for every method of a seed.</summary>
    public string? TestFingerprint { get; init; }

    /// <summary>Device that was trained on, for people.</summary>
    public string? Device { get; init; }

    /// <summary>What kind it is: cpu or cuda.</summary>
    public string? DeviceKind { get; init; }

    /// <summary>Number format that was trained in: fp32, bf16 or bf16-fast.</summary>
    public string? Precision { get; init; }

    /// <summary>Threads that computed; null on a GPU.</summary>
    public int? Threads { get; init; }

    /// <summary>Whether loops of our own used AVX-512; null on a GPU.</summary>
    public bool? Avx512 { get; init; }

    /// <summary>What the run was made with.</summary>
    public SoftwareVersions? Versions { get; init; }

    /// <summary>What computed, in which number format, with how many threads and which loops, for people. Between runs that differ in it sums are rounded differently, and times cannot be compared. Empty where nothing of it is known.</summary>
    internal string Computation => string.Join(", ", ((string?[])[Model, Precision, Loops]).OfType<string>());

    /// <summary>The device; one GPU is as another of its kind.</summary>
    private string? Model => Device?.Split(" (cuda:")[0];

    private string? Loops => Threads is null ? null : string.Create(CultureInfo.InvariantCulture, $"{Threads} {(Threads == 1 ? "thread" : "threads")}{(Avx512 == true ? " and AVX-512" : "")}");

    /// <summary>Whether its times can be compared with another's, as far as is known.</summary>
    internal bool IsComputedAs(ComparedRun other) => Computation == other.Computation || Computation.Length == 0 || other.Computation.Length == 0;
}
