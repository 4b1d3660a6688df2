using System.Buffers;
using System.Diagnostics;
using System.IO.Hashing;
using System.Text;
using WclSharp.Randomness;

namespace WclSharp.Data;

/// <summary>
/// Reads a source into a data set: lists it, decodes on several threads, and stores the results in the source's order.
/// </summary>
/// <remarks>
/// Without a limit the source is listed once, while its images are decoded. With one, or where images without a class are passed over, it is listed twice: once to count the
/// images, then to read those that are chosen. Images that are not chosen are never read. Before that, where a list has the labels, it is listed up to the
/// first image that is in the list, mostly the first of all: a list of other paths is told of before hours of decoding. Where such an image comes late, that is most of a pass, for a gzipped archive
/// one of unpacking, and still far less than decoding. Images that a program gives are not asked for once more.
/// </remarks>
/// <param name="options">Which images, and how to keep them.</param>
/// <param name="given">Images that take the place of those of the options' path; null reads these.</param>
/// <param name="progress">Told how far it is; may be null.</param>
/// <param name="cancellation">Stops reading.</param>
internal sealed class DatasetReader(DatasetOptions options, IEnumerable<EncodedImage>? given, IProgress<ReadingProgress>? progress, CancellationToken cancellation)
{
    // A small image decodes in less time than a thread takes to wake, so that they go from thread to thread in chunks: of at most so many, and of at most so
    // many bytes decoded, where photographs of the stored side are taken to be half as long again as wide.
    // What an archive holds of them is read when they are drawn, so it ends a chunk too.
    private const int LargestChunk = 32, ChunkBytes = 1 << 20, ChunkEncodedBytes = 8 << 20;
    // Chunks drawn ahead of the one that is stored next, per worker: enough to even out the sizes of images.
    private const int AheadPerWorker = 3;
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(200);

    private readonly Stopwatch sinceReport = Stopwatch.StartNew();
    private readonly FolderClasses folders = new(options.ClassNames);
    private readonly ClassCatalog classes = new(options.ClassNames, options.OtherClasses);
    private LabelList? labelList;
    private readonly List<int> unreadable = []; // classes of images that cannot be read, by number
    private const int LeastToEstimate = 1000;
    private const double LeastShare = 0.01;
    private readonly NearlyBlackImages dark = new();
    private int listed, listedWithClass; // the latter by the list of labels, where a subset is read
    private const int FewToTell = 10;
    private int labelsOutside, passedOver;

    /// <summary>Reads.</summary>
    public ImageDataset Read()
    {
        options.Validate();
        using var source = given is null ? ImageSources.Open(options.Path) : new GivenImages(given);
        labelList = options.Labels is null ? null : LabelList.Read(options.Labels);
        if (labelList is not null && given is null) RequireListed(source, labelList);
        var chosen = Choose(source);
        var table = new ImageTable();
        var labels = new GrowingArray<int>();
        using var bad = new BadImageLog(options.BadImagesFile);
        var store = new PixelStore(options.CacheBytes, options.CacheFolder);
        try
        {
            ReadImages(source, chosen, table, labels, store, bad);
            if (table.Count + bad.Count == 0) throw NoImages(source);
            foreach (var (folder, reason) in source.Unlisted) bad.Add(folder, reason);
            int images = table.Count + bad.Count;
            bad.Check(images, options.MaxBad);
            bad.Complete();
            store.Complete();

            foreach (int number in unreadable) classes.TakeBack(number);
            var warnings = new List<string>();
            warnings.AddRange(source.Warnings);
            if (bad.Count > 0 && options.BadImagesFile is null) warnings.Add(FormattableString.Invariant($"{bad.Count:N0} of {images:N0} images cannot be read and are left out; the first is {bad.First}"));
            var finalLabels = labels.ToArray();
            if (dark.Warning(table.Count) is { } black) warnings.Add(black);
            if (labelList is not null) LabelFromList(labelList, table, finalLabels, chosen is not null, warnings);
            else if (source.ClassesAreFolders) LabelFromFolders(table, finalLabels);
            var classNames = classes.Settle(finalLabels);
            return new ImageDataset(table, store, null, finalLabels, classNames, source.Channels)
            {
                Source = source.Description,
                BadImages = bad.Count,
                Ignored = source.Ignored,
                ClassesAreFolders = labelList is null && source.ClassesAreFolders,
                ListedLabels = labelList?.Count ?? 0,
                LabelsOutsideLimit = labelsOutside,
                PassedOver = passedOver,
                Warnings = warnings,
            };
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Fails where no image is in the list of labels, as far as that is seen before all names are: <see cref="LabelFromList"/> sees the rest.</summary>
    /// <exception cref="WclUsageException">None is.</exception>
    private void RequireListed(ImageSource source, LabelList list)
    {
        var seen = new FolderClasses(options.ClassNames);
        string? first = null;
        int common = 0;
        bool parted = false; // images of several folders were met, so that what all are in is mostly known
        foreach (var image in Listing(source))
        {
            if (source.ClassesAreFolders) seen.Observe(image.Name);
            parted |= first is not null && seen.CommonBytes < common;
            common = seen.CommonBytes;
            first ??= image.Name;
            if (list.Has(image.Name, parted ? seen : null)) return;
        }
        // The images first that came before that folder was known.
        if (first is not null && !Listing(source).Any(image => list.Has(image.Name, seen))) throw list.NoneOf(options.Labels!, first);
    }

    private IEnumerable<SourceImage> Listing(ImageSource source)
    {
        int passed = 0;
        foreach (var image in source.Images(_ => false))
        {
            cancellation.ThrowIfCancellationRequested();
            yield return image;
            Report("Listing images", ++passed, source.Total);
        }
    }

    /// <summary>Counts the images and says which to read: those that the limit draws, of these those with a class where others are passed over; null is all.</summary>
    private bool[]? Choose(ImageSource source)
    {
        bool labelledAlone = options.LabelledAlone && (labelList is not null || source is ListSource);
        if (options.Limit is null && !labelledAlone) return null;
        var wanted = new GrowingArray<bool>();
        foreach (var image in Listing(source))
        {
            if (source.ClassesAreFolders) folders.Observe(image.Name);
            wanted.Add(!labelledAlone || IsWanted(source, image));
        }

        var labelled = wanted.ToArray();
        var chosen = Drawn(labelled.Length);
        if (!labelledAlone) return chosen.Contains(false) ? chosen : null;
        int few = FewToTell; // where none has a class, a few say so later, and what to do
        bool any = labelled.Zip(chosen).Any(pair => pair is (true, true));
        for (int i = 0; i < chosen.Length; i++)
        {
            if (!chosen[i] || (any ? labelled[i] : few-- > 0)) continue;
            chosen[i] = false;
            passedOver++;
        }

        return chosen.Contains(false) ? chosen : null;
    }

    /// <summary>Which of so many images the limit draws; all without one.</summary>
    private bool[] Drawn(int total)
    {
        var drawn = new bool[total];
        if (options.Limit is not { } limit || limit >= total) Array.Fill(drawn, true);
        else
            foreach (int i in new CounterRandom(options.Seed, RandomPurpose.Subset).Permutation(total).AsSpan(0, limit)) drawn[i] = true;
        return drawn;
    }

    /// <summary>Whether an image has a class, as far as its name tells before all are known, or is read without one.</summary>
    private bool IsWanted(ImageSource source, SourceImage image) =>
        (labelList is null ? image.Class is not null : labelList.MayHave(image.Name))
        || (options.NeverPassedOver.Count > 0 && source.FileOf(image.Name) is { } file && options.NeverPassedOver.Contains(Path.GetFullPath(file)));

    private void ReadImages(ImageSource source, bool[]? chosen, ImageTable table, GrowingArray<int> labels, PixelStore store, BadImageLog bad)
    {
        int? total = chosen is null ? source.Total : chosen.Count(wanted => wanted);
        int workers = options.Workers > 0 ? options.Workers : Environment.ProcessorCount;
        var decoder = new ImagePreparation(options.StoredSide, source.Channels);
        int chunk = Math.Clamp(ChunkBytes / (3 * options.StoredSide * options.StoredSide * 3 / 2), 1, LargestChunk);
        var results = OrderedParallel.MapInChunks(Wanted(source, chosen), decoder.Prepare, chunk, workers, workers * AheadPerWorker, image => image.Release(), cancellation,
            item => item.Image.Length, ChunkEncodedBytes);
        foreach (var image in results)
        {
            if (image.Problem is not null)
            {
                bad.Add(image.Name, image.Problem);
                if (image.ClassNumber >= 0) unreadable.Add(image.ClassNumber);
            }
            else
            {
                if (image.IsNearlyBlack) dark.Add(image.Name);
                table.Add(image.Name, image.Height, image.Width, store.Append(image.Pixels), image.PixelHash);
                labels.Add(image.ClassNumber);
            }
            image.Release();
            Report("Reading images", table.Count + bad.Count, total, chosen is null ? source : null);
        }
        progress?.Report(new("Reading images", table.Count + bad.Count, table.Count + bad.Count));
    }

    /// <summary>What is to be read, with its class. Runs on a worker thread, one at a time.</summary>
    private IEnumerable<(SourceImage Image, int ClassNumber)> Wanted(ImageSource source, bool[]? chosen)
    {
        bool useClasses = options.Labels is null;
        (listed, listedWithClass, labelsOutside) = (0, 0, 0);
        foreach (var image in source.Images(i => chosen is null || (i < chosen.Length && chosen[i])))
        {
            int position = listed++;
            // Met for images that are left out too: a subset numbers the classes like the whole.
            int number = useClasses ? classes.Meet(image.Class) : -1;
            if (source.ClassesAreFolders && chosen is null) folders.Observe(image.Name);
            else if (source.ClassesAreFolders && useClasses) number = folders.Meet(image.Name, classes);
            if (chosen is not null && labelList is not null && (number = classes.Meet(labelList.Find(Encoding.UTF8.GetBytes(image.Name), folders))) >= 0)
            {
                listedWithClass++;
                if (position >= chosen.Length || !chosen[position]) labelsOutside++;
            }
            if (chosen is null || (position < chosen.Length && chosen[position])) yield return (image, number);
            if (listed == int.MaxValue) throw new WclUsageException(FormattableString.Invariant($"{source.Description} has more than {int.MaxValue:N0} images; use --limit or a part of them."));
        }
    }

    private void LabelFromFolders(ImageTable table, int[] labels)
    {
        for (int i = 0; i < labels.Length; i++)
        {
            var name = folders.ClassOf(table.Utf8Name(i));
            labels[i] = name.IsEmpty ? -1 : classes.Meet(name);
        }
    }

    private void LabelFromList(LabelList list, ImageTable table, int[] labels, bool limited, List<string> warnings)
    {
        if (list.HeaderWarning(options.Labels!) is { } header) warnings.Add(header);
        int matched = 0; // among all that were listed
        for (int i = 0; i < labels.Length; i++)
        {
            string? label = list.Find(table.Utf8Name(i), folders);
            labels[i] = classes.Meet(label);
            if (label is not null) matched++;
        }
        if (limited) matched = listedWithClass;
        if (matched == 0) throw list.NoneOf(options.Labels!, table.Name(0));
        if (list.OthersWarning(options.Labels!) is { } others) warnings.Add(others);
    }

    private WclUsageException NoImages(ImageSource source) => new($"No images {(given is null ? $"under '{options.Path}'" : "were given")}; expected {source.Expected}" +
        (source.Ignored == 0 ? "." : FormattableString.Invariant($" ({source.Ignored:N0} files there are no images).")) + string.Concat(source.Warnings.Select(warning => $" {warning}")));

    /// <param name="stage">What is being done.</param>
    /// <param name="done">Images done.</param>
    /// <param name="total">Images in all; null where that is not known.</param>
    /// <param name="estimated">The source by whose share their number is estimated then.</param>
    private void Report(string stage, long done, long? total, ImageSource? estimated = null)
    {
        if (progress is null || sinceReport.Elapsed < ReportEvery) return;
        sinceReport.Restart();
        progress.Report(new(stage, done, total ?? (estimated is null ? null : EstimatedTotal(Volatile.Read(ref listed), estimated.Share, done))));
    }

    /// <summary>Number of images by how many there are in a share of the source, in two digits; null where that says little.</summary>
    internal static long? EstimatedTotal(long listed, double share, long done)
    {
        if (share >= 1) return Math.Max(listed, done);
        if (listed < LeastToEstimate || share < LeastShare) return null;
        double about = listed / share, unit = Math.Pow(10, Math.Floor(Math.Log10(about)) - 1);
        return Math.Max((long)(Math.Ceiling(about / unit) * unit), done);
    }
}

/// <summary>An image that is ready to be stored, or the reason why there is none.</summary>
internal readonly record struct PreparedImage(string Name, int ClassNumber, string? Problem, byte[]? Buffer, int Length, int Height, int Width)
{
    /// <summary>Whether the problem is one that may pass: the disk's or a permission's, not the file's.</summary>
    public bool IsTransient { get; init; }

    /// <summary>Planar pixels.</summary>
    public ReadOnlySpan<byte> Pixels => Buffer.AsSpan(0, Length);

    /// <summary>XXH3 of size and pixels. It is computed with the image, on its thread.</summary>
    public ulong PixelHash { get; } = Buffer is null ? 0 : XxHash3.HashToUInt64(Buffer.AsSpan(0, Length), ((long)Height << 32) | (uint)Width);

    /// <summary>Whether no pixel is brighter than black for the eye.</summary>
    public bool IsNearlyBlack { get; } = Buffer is not null && NearlyBlackImages.IsOne(Buffer.AsSpan(0, Length));

    /// <summary>Gives the buffer back.</summary>
    public void Release()
    {
        if (Buffer is not null) ArrayPool<byte>.Shared.Return(Buffer);
    }
}
