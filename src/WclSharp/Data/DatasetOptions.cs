using WclSharp.Configuration;

namespace WclSharp.Data;

/// <summary>Which images to read, and how to keep them.</summary>
public sealed record DatasetOptions
{
    internal const double StandardMaxBad = 0.01;
    internal const long StandardCacheBytes = 4L << 30;

    /// <summary>
    /// Folder, <c>.tar</c> or <c>.tar.gz</c>, CSV or TSV list of <c>path,label</c>, IDX images (gzipped or plain) or
    /// CIFAR-10/100 binary file or folder; null is the embedded data set, the test images of Fashion-MNIST.
    /// </summary>
    public string? Path { get; init; }

    /// <summary>CSV or TSV file of <c>path,label</c> rows. Given it, labels come from there only; other images are unlabelled.</summary>
    public string? Labels { get; init; }

    /// <summary>Keep a random subset of this many images, 1 or more, drawn by <see cref="Seed"/>; null keeps all.</summary>
    public int? Limit { get; init; }

    /// <summary>Seed of the subset.</summary>
    public long Seed { get; init; }

    /// <summary>
    /// Length that the shorter side of an image is shrunk to, pixels, 1 to 2048; smaller images stay as they are. The longer
    /// side is cut to its middle where it is more than three times as long. Default: 256.
    /// </summary>
    public int StoredSide { get; init; } = 256;

    /// <summary>Share of unreadable images, 0 to 1, above which reading fails. Default: 0.01.</summary>
    public double MaxBad { get; init; } = StandardMaxBad;

    /// <summary>Decoded pixels are kept in memory up to this many bytes, 0 or more; beyond it they go to a memory-mapped file. Default: 4 GiB.</summary>
    public long CacheBytes { get; init; } = StandardCacheBytes;

    /// <summary>Folder of the memory-mapped file, made where there is none; null is the system's folder for temporary files.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>CSV file that unreadable images are listed in; written only where there are any. Null lists them nowhere, and one of the set's warnings counts them.</summary>
    public string? BadImagesFile { get; init; }

    /// <summary>Decoding threads, up to 1,024; 0 is one per core.</summary>
    public int Workers { get; init; }

    /// <summary>
    /// Class names to number the labels by, in their order: those of the training images, for a test set. A class that is
    /// not among them is an error, and so is a name that is empty or there twice. Null numbers the classes by their names in ordinal order.
    /// </summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>Whether classes that are not among <see cref="ClassNames"/> are numbered behind them instead of being an error.</summary>
    internal bool OtherClasses { get; init; }

    /// <summary>Whether images without a class are passed over where a list says which have one: those that are measured or taught with may be few among many.</summary>
    internal bool LabelledAlone { get; init; }

    /// <summary>Full paths of image files that <see cref="LabelledAlone"/> does not pass over.</summary>
    internal IReadOnlySet<string> NeverPassedOver { get; init; } = new HashSet<string>();

    internal const int MaxStoredSide = 2048;

    private const int MostWorkers = 1024; // as of wcl pretrain

    internal void Validate()
    {
        GivenOption.RequirePaths(("--data", Path), ("--labels", Labels), ("--cache-folder", CacheFolder), ("The file that lists unreadable images", BadImagesFile));
        RequireClassNames();
        if (StoredSide is < 1 or > MaxStoredSide)
            throw new WclUsageException(FormattableString.Invariant($"The stored side is {StoredSide} pixels; use 1 to {MaxStoredSide}."));
        if (Limit is < 1) throw new WclUsageException(FormattableString.Invariant($"--limit {Limit} keeps no image; use 1 or more."));
        if (!(MaxBad is >= 0 and <= 1)) throw new WclUsageException(FormattableString.Invariant($"--max-bad {MaxBad} is not a share; use 0 to 1."));
        if (Workers < 0) throw new WclUsageException(FormattableString.Invariant($"--workers {Workers} is negative; use 1 or more, or leave it out for one per core."));
        if (Workers > MostWorkers) throw new WclUsageException(FormattableString.Invariant($"--workers {Workers} is too many; use 1 to {MostWorkers:N0}, or leave it out for one per core."));
        if (CacheBytes < 0) throw new WclUsageException(FormattableString.Invariant($"A cache of {CacheBytes} bytes is negative; use 0 to keep all pixels in a file."));
    }

    /// <summary>Refuses names that are none, or that would be one class with two numbers.</summary>
    private void RequireClassNames()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string? name in ClassNames ?? [])
        {
            if (string.IsNullOrEmpty(name)) throw new WclUsageException($"The names of the classes have one that is {(name is null ? "null" : "empty")}; leave it out.");
            if (!seen.Add(ComposedText.Of(name))) throw new WclUsageException($"The names of the classes have '{name}' twice; name each class once.");
        }
    }
}

/// <summary>How far reading is.</summary>
/// <param name="Stage">What is being done, for people.</param>
/// <param name="Done">Images done.</param>
/// <param name="Total">Images in all: of a folder or an archive an estimate in two digits, until it is gone through; null where nothing is known yet.</param>
public sealed record ReadingProgress(string Stage, long Done, long? Total);
