using WclSharp.Augmentation;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Reporting;

namespace WclSharp.Training;

/// <summary>The images of a run: what is trained on, and what is held out where classes are known.</summary>
internal sealed class PretrainingData : IDisposable
{
    private readonly List<IDisposable> owned = [];

    private PretrainingData(PretrainOptions options) => Name = options.Data is null ? "Fashion-MNIST" : Path.GetFileName(Path.TrimEndingDirectorySeparator(options.Data));

    /// <summary>Short name for titles.</summary>
    public string Name { get; }

    /// <summary>Everything that was read from <c>--data</c>.</summary>
    public required ImageDataset All { get; init; }

    /// <summary>Images to train on.</summary>
    public required ImageDataset Train { get; init; }

    /// <summary>Says whether the images to train on that have a class, and their classes, are the same as before: what is measured with.</summary>
    public string LabelledFingerprint
    {
        get
        {
            if (labelledFingerprint is not null) return labelledFingerprint;
            using var labelled = LabelledRows.Images(Train);
            return labelledFingerprint = labelled.Fingerprint;
        }
    }

    private string? labelledFingerprint;

    /// <summary>Images with classes that are never trained on; null where no classes are known.</summary>
    public ImageDataset? HeldOut { get; private set; }

    /// <summary>Constants that images are normalised with.</summary>
    public Normalization Normalization { get; private init; }

    /// <summary>What presets need to know.</summary>
    public required DataFacts Facts { get; init; }

    /// <summary>Images of <see cref="All"/> that are not trained on, since <c>--test</c> names their files.</summary>
    public int LeftOut { get; private init; }

    /// <summary>Images that could not be read.</summary>
    public int BadImages { get; private init; }

    /// <summary>What was read, for people.</summary>
    public IReadOnlyList<string> Lines { get; private init; } = [];

    /// <summary>What a person should know about the data.</summary>
    public IReadOnlyList<string> Warnings { get; private init; } = [];

    /// <summary>What a person should know who tests with the held-out images.</summary>
    public IReadOnlyList<string> TestWarnings { get; private init; } = [];

    /// <summary>Reads the training images, and the held-out ones from <c>--test</c> or from a split by seed.</summary>
    /// <param name="options">Which images, and how to keep them.</param>
    /// <param name="folder">Where unreadable images are listed; null lists them nowhere but where the request says.</param>
    /// <param name="progress">Told how far reading is; may be null.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <param name="request">What is needed of them; null for all that a run needs.</param>
    public static PretrainingData Read(PretrainOptions options, RunFolder? folder, IProgress<RunProgress>? progress, CancellationToken cancellation, RunDataRequest? request = null)
    {
        request ??= new();
        RequireApart(options.Data, options.Test);
        var reading = ReadingRelay.To(progress);
        List<IDisposable> owned = [];
        try
        {
            var tests = request.LabelledAlone && options.Test is not null ? ImagesToTest.Files(options.Data, options.Test, cancellation) : [];
            var (all, how) = ReadAll(options, How(options, folder, request) with { LabelledAlone = request.LabelledAlone, NeverPassedOver = tests }, reading, cancellation);
            owned.Add(all);
            if (folder is not null && options.Limit is null) RequireClassesThatRepeat(all);
            string[]? testClasses = request.TestClasses?.Select(ComposedText.Of).ToArray();
            var known = testClasses ?? (all.HasLabels ? all.ClassNames : null);
            var (train, heldOut) = options.Test is not null ? HeldOutImages.Named(all, options.Data, how with { LabelledAlone = false, Path = options.Test, ClassNames = known, BadImagesFile = folder?.BadTestImagesPath }, owned, reading, cancellation)
                : request.HoldOut ? HeldOutImages.Split(all, options.Seed, known, owned)
                : (null, null);
            var result = new PretrainingData(options)
            {
                All = all,
                Train = train ?? all,
                HeldOut = heldOut?.LabelledCount > 0 ? heldOut : null,
                Facts = new DataFacts((train ?? all).Count, UsualSide(all), Embedded: options.Data is null, all.HasLabels ? (train ?? all).LabelledCount : null),
                Normalization = NormalizationOf(all, options),
                LeftOut = options.Test is null || train is null ? 0 : all.Count - train.Count,
                BadImages = all.BadImages + (options.Test is null ? 0 : heldOut!.BadImages),
                Warnings = [.. all.Warnings, .. LabelWarnings.Misspelt(all), .. options.Test is null || train is null ? [] : LeavingOut(all, train), .. options.Test is null ? [] : heldOut!.Warnings],
                TestWarnings = heldOut is null ? [] : [.. LabelWarnings.OfTests(all, train ?? all, heldOut, testClasses)],
                Lines = Describe(all, train ?? all, heldOut, options.Test is not null),
            };
            result.owned.AddRange(owned);
            return result;
        }
        catch
        {
            foreach (var each in owned) each.Dispose();
            throw;
        }
    }

    /// <summary>Refuses test images that would be trained on.</summary>
    private static void RequireApart(string? data, string? test)
    {
        if (test is not null && SamePath.Is(test, data))
            throw new WclUsageException($"--test {test} is --data: images that are trained on cannot test. Leave --test out, and a part is held out where there are classes.");
        foreach (var (outer, inner) in ((string?, string?)[])[(data, test), (test, data)])
            if (SamePath.IsInside(inner, outer) && Directory.Exists(inner)) throw new WclUsageException($"'{inner}' is inside '{outer}', so that images of --test would be trained on; move it out, or name another.");
    }

    private static DatasetOptions How(PretrainOptions options, RunFolder? folder, RunDataRequest request) => new()
    {
        Path = options.Data,
        Labels = options.Labels,
        Limit = options.Limit,
        Seed = options.Seed,
        StoredSide = StoredSize.SideFor(Presets.ImageSizeOf(options) ?? Presets.LargestOwnSide),
        MaxBad = options.MaxBad ?? DatasetOptions.StandardMaxBad,
        CacheBytes = options.CacheMiB is { } mib ? (long)mib << 20 : DatasetOptions.StandardCacheBytes,
        CacheFolder = options.CacheFolder ?? folder?.FullPath,
        BadImagesFile = folder?.BadImagesPath ?? request.BadImagesFile,
        Workers = options.Workers ?? Environment.ProcessorCount,
    };

    /// <summary>Reads <c>--data</c>, again where its images turn out to be smaller than what was asked for.</summary>
    /// <returns>The images, and what they were read by.</returns>
    private static (ImageDataset All, DatasetOptions How) ReadAll(PretrainOptions options, DatasetOptions how, IProgress<ReadingProgress>? reading, CancellationToken cancellation)
    {
        var all = ImageDataset.Read(how, reading, cancellation);
        if (Presets.ImageSizeOf(options) is not null) return (all, how);
        // Crops will be of the images' own size. What is larger is kept as it would be if that had been known: it will be when the run is resumed, and where its encoder is used.
        int side = StoredSize.SideFor(Presets.ImageSizeOf(options, UsualSide(all), embedded: options.Data is null));
        if (side >= how.StoredSide) return (all, how);
        how = how with { StoredSide = side }; // of the test images, too
        if (!HasLarger(all, side)) return (all, how);
        all.Dispose();
        return (ImageDataset.Read(how, reading, cancellation), how);
    }

    /// <summary>What to know where images are left out since <c>--test</c> names them.</summary>
    private static IEnumerable<string> LeavingOut(ImageDataset all, ImageDataset train)
    {
        yield return FormattableString.Invariant($"Excluded from training, since --test names them: {all.Count - train.Count:N0} of {(long)all.Count + all.PassedOver:N0} images.");
        if (all.HasLabels && train.LabelledCount == 0) yield return "No labelled image is left for kNN or to train a classifier on; leave some out of --test.";
    }

    /// <summary>Says how many files were no images, by their names.</summary>
    internal static string PassedOver(long files) => FormattableString.Invariant($"{files:N0} other files there are passed over; images are read from {ImageFormats.Names} files");

    private static List<string> Describe(ImageDataset all, ImageDataset train, ImageDataset? heldOut, bool test)
    {
        string classes = all.HasLabels ? $"{all.ClassNames.Count} classes ({ClassCatalog.Few(all.ClassNames)})" : "no classes";
        string Labelled(ImageDataset images) => !all.HasLabels || images.LabelledCount == images.Count ? "" : FormattableString.Invariant($" ({images.LabelledCount:N0} with a class)");
        List<string> lines = [FormattableString.Invariant($"{all.Source}: {train.Count:N0} images to train on{Labelled(train)}, {classes}")
            + (heldOut is null ? "" : FormattableString.Invariant($"; {heldOut.Count:N0} {(test ? "to test on" : "held out")}{Labelled(heldOut)}"))];
        if (all.BadImages > 0) lines.Add(FormattableString.Invariant($"{all.BadImages:N0} images could not be read and are left out; {RunFolder.BadImages} lists them"));
        if (all.Ignored > 0) lines.Add(PassedOver(all.Ignored));
        if (all.IsMemoryMapped) lines.Add(Mapped(all, "decoded images"));
        if (test && heldOut!.IsMemoryMapped) lines.Add(Mapped(heldOut, "decoded test images"));
        return lines;
    }

    private static string Mapped(ImageDataset images, string what) =>
        FormattableString.Invariant($"{images.PixelBytes >> 20:N0} MiB of {what} are kept in a memory-mapped file (--cache-mib)");

    private static int UsualSide(ImageDataset data)
    {
        var sides = new int[Math.Min(data.Count, 1000)];
        for (int i = 0; i < sides.Length; i++)
        {
            var (height, width) = data.SizeOf((int)((long)i * data.Count / sides.Length));
            sides[i] = Math.Min(height, width);
        }
        Array.Sort(sides);
        return sides[sides.Length / 2];
    }

    private static bool HasLarger(ImageDataset data, int side)
    {
        for (int i = 0; i < data.Count; i++)
        {
            var (height, width) = data.SizeOf(i);
            if (Math.Min(height, width) > side) return true;
        }

        return false;
    }

    // By the crops, not by the images, whose size a resumed run no longer asks for: without --image-size crops are small.
    private static Normalization NormalizationOf(ImageDataset data, PretrainOptions options) =>
        data.Channels == 1 ? Normalization.FashionMnist
        : (Presets.ImageSizeOf(options) ?? Presets.LargestOwnSide) <= AugmentationRecipe.LargestSmallImage ? Normalization.Cifar10
        : Normalization.ImageNet;

    private static void RequireClassesThatRepeat(ImageDataset data)
    {
        if (!data.HasLabels || data.Count < 2) return;
        var labels = data.Labels;
        var met = new HashSet<int>();
        foreach (int label in labels)
            if (label >= 0) met.Add(label);
        if (met.Count == data.Count)
            throw new WclUsageException($"Each of the {data.Count} images is a class of its own, so these folders are no classes. Give one folder per class, or a CSV list of paths without a label column as --data.");
    }

    public void Dispose()
    {
        foreach (var item in owned) item.Dispose();
    }
}
