using System.Globalization;
using WclSharp.Randomness;

namespace WclSharp.Data;

/// <summary>
/// Images, decoded once: uint8, planar [channels, height, width], each with its own size. Immutable and safe to read from
/// any number of threads.
/// </summary>
/// <remarks>
/// Sets that come from one another by <see cref="Subset"/> and <see cref="Split(double, long)"/> share the pixels; each is disposed by
/// its owner, and the last one to go frees them. Spans of pixels are valid until then.
/// </remarks>
public sealed class ImageDataset : IDisposable
{
    private readonly ImageTable table;
    private readonly PixelStore store;
    private readonly int[]? selection; // positions in the table; null is all of them
    private readonly int[] labels;
    private string? fingerprint;
    private bool disposed;

    internal ImageDataset(ImageTable table, PixelStore store, int[]? selection, int[] labels, IReadOnlyList<string> classNames, int channels)
    {
        (this.table, this.store, this.selection, this.labels) = (table, store, selection, labels);
        (ClassNames, Channels) = (classNames, channels);
        foreach (int label in labels) HasLabels |= label >= 0;
    }

    /// <summary>Number of images.</summary>
    public int Count => labels.Length;

    /// <summary>Channels of every image: 1 for greyscale formats, else 3 (red, green, blue).</summary>
    public int Channels { get; }

    /// <summary>Class names, indexed by label.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Class of each image, -1 where it is unlabelled.</summary>
    public ReadOnlySpan<int> Labels => labels;

    /// <summary>True where at least one image has a class.</summary>
    public bool HasLabels { get; }

    /// <summary>Images of known class.</summary>
    internal int LabelledCount => Labels.Length - Labels.Count(-1);

    /// <summary>
    /// SHA-256, in hexadecimal digits, over names, sizes, XXH3 of pixels, labels and class names in their order. Depends on neither
    /// threads nor where the pixels are kept, nor on what was read beside these images.
    /// </summary>
    public string Fingerprint => fingerprint ??= DatasetFingerprint.Of(table, selection, labels, ClassNames);

    /// <summary>What the images were read from, for people.</summary>
    public string Source { get; internal init; } = "";

    /// <summary>Images that could not be read and were left out.</summary>
    public int BadImages { get; internal init; }

    /// <summary>Files met that are not images.</summary>
    public long Ignored { get; internal init; }

    /// <summary>Whether folders would have been the classes: where no image has one then, all of them are in one folder.</summary>
    internal bool ClassesAreFolders { get; init; }

    /// <summary>Rows with a class of the list of labels; 0 without one.</summary>
    internal int ListedLabels { get; init; }

    /// <summary>Of these, rows of images that are there but that a limit leaves out.</summary>
    internal int LabelsOutsideLimit { get; init; }

    /// <summary>Images without a class that were not read: see <see cref="DatasetOptions.LabelledAlone"/>.</summary>
    internal int PassedOver { get; init; }

    /// <summary>What a person should know about the data, one line each; mostly empty.</summary>
    public IReadOnlyList<string> Warnings { get; internal init; } = [];

    /// <summary>Bytes of decoded pixels that the set and those that share its pixels hold.</summary>
    public long PixelBytes => store.Length;

    /// <summary>True where the pixels are in a memory-mapped file.</summary>
    public bool IsMemoryMapped => store.InFile;

    /// <summary>Reads images.</summary>
    /// <param name="options">Which, and how to keep them.</param>
    /// <param name="progress">Told from time to time how far reading is; may be null. Called on the calling thread.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <exception cref="WclUsageException">The path or the options are wrong, or there are no images.</exception>
    /// <exception cref="WclException">Too many images are unreadable, or the disk is full.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ImageDataset Read(DatasetOptions options, IProgress<ReadingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new DatasetReader(options, null, progress, cancellation).Read();
    }

    /// <summary>Reads images that are no files, for <see cref="BatchLoader"/> and the rest of a loop of one's own.</summary>
    /// <param name="images">The images. Enumerated once, on a thread of the reader's at a time; twice with a limit.</param>
    /// <param name="options">How to keep them; its <see cref="DatasetOptions.Path"/> is null. Null is the defaults.</param>
    /// <param name="progress">Told from time to time how far reading is; may be null. Called on the calling thread.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <exception cref="WclUsageException">The options are wrong, or there are no images.</exception>
    /// <exception cref="WclException">Too many images are unreadable, or the disk is full.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ImageDataset Read(IEnumerable<EncodedImage> images, DatasetOptions? options = null, IProgress<ReadingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        options ??= new();
        if (options.Path is not null) throw new WclUsageException($"The path '{options.Path}' is given beside images; leave one out.");
        return new DatasetReader(options, images, progress, cancellation).Read();
    }

    /// <summary>Class of each image by its place in another list of names, -1 where it has none or one that is not there.</summary>
    internal int[] LabelsAmong(IReadOnlyList<string> names)
    {
        List<string> known = [.. names.Select(ComposedText.Of)]; // those of an older file may not be as ours are
        int[] places = [.. ClassNames.Select(name => known.IndexOf(name))];
        return Array.ConvertAll(labels, label => label < 0 ? -1 : places[label]);
    }

    /// <summary>Name of an image: its path in the source, or its number.</summary>
    /// <param name="index">Its position, 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    public string NameOf(int index) => table.Name(Place(index));

    /// <summary>Stored size of an image, pixels.</summary>
    /// <param name="index">Its position, 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    public (int Height, int Width) SizeOf(int index) => table.Size(Place(index));

    /// <summary>A copy of an image's pixels, uint8, planar [Channels, Height, Width].</summary>
    /// <param name="index">Its position, 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed of.</exception>
    public byte[] PixelsOf(int index)
    {
        var (height, width) = SizeOf(index);
        byte[] pixels = new byte[Channels * height * width];
        CopyPixels(index, pixels);
        return pixels;
    }

    /// <summary>Copies an image's pixels to where there is room for them; safe beside <see cref="Dispose"/>.</summary>
    /// <returns>Their number.</returns>
    internal int CopyPixels(int index, Span<byte> room)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int place = Place(index);
        var (height, width) = table.Size(place);
        int count = Channels * height * width;
        store.Copy(table.Place(place), room[..count]);
        return count;
    }

    /// <summary>64-bit hash of an image's stored size and pixels.</summary>
    internal ulong PixelHashOf(int index) => table.PixelHash(Place(index));

    /// <summary>Some of the images, in the given order and as often as they are named. Shares the pixels; dispose both.</summary>
    /// <param name="indices">Positions, 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no image at one of them.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed of.</exception>
    public ImageDataset Subset(ReadOnlySpan<int> indices)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var places = new int[indices.Length];
        var subsetLabels = new int[indices.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            places[i] = Place(indices[i]);
            subsetLabels[i] = labels[indices[i]];
        }
        return new(table, store.Share(), places, subsetLabels, ClassNames, Channels)
        {
            Source = Source,
            BadImages = BadImages,
            Ignored = Ignored,
            ClassesAreFolders = ClassesAreFolders,
            ListedLabels = ListedLabels,
            LabelsOutsideLimit = LabelsOutsideLimit,
            PassedOver = PassedOver,
            Warnings = Warnings,
        };
    }

    /// <summary>Splits the images in two at random, each class (and what is unlabelled) in the same proportion. A class's only image is not held out.</summary>
    /// <param name="heldOutFraction">Share held out, above 0 and below 1.</param>
    /// <param name="seed">Seed of the choice.</param>
    /// <returns>Two sets that share the pixels, each in the order of this one. Dispose all three.</returns>
    /// <exception cref="WclUsageException">It is no such share, one side would be empty, or every image is the only one of its class.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed of.</exception>
    public (ImageDataset Train, ImageDataset HeldOut) Split(double heldOutFraction, long seed) => Split(heldOutFraction, seed, labelledAlone: false);

    /// <summary>As <see cref="Split(double, long)"/>, but of the images with a class alone: the others stay, and change nothing of which are held out.</summary>
    internal (ImageDataset Train, ImageDataset HeldOut) SplitLabelled(double heldOutFraction, long seed) => Split(heldOutFraction, seed, labelledAlone: true);

    private (ImageDataset Train, ImageDataset HeldOut) Split(double heldOutFraction, long seed, bool labelledAlone)
    {
        if (!(heldOutFraction is > 0 and < 1))
            throw new WclUsageException(string.Create(CultureInfo.InvariantCulture, $"A share of {heldOutFraction} cannot be held out; use a number between 0 and 1."));
        int[] among = [.. Enumerable.Range(0, Count).Where(i => !labelledAlone || labels[i] >= 0)];
        int wanted = (int)Math.Round(heldOutFraction * among.Length);
        if (wanted < 1 || wanted >= among.Length)
            throw new WclUsageException(string.Create(CultureInfo.InvariantCulture, $"Holding out {heldOutFraction} of {among.Length} images leaves one side empty; use more images."));

        var random = new CounterRandom(seed, RandomPurpose.Split);
        var quota = HeldOutPerClass(among, heldOutFraction, wanted, random.Permutation(ClassNames.Count + 1, epoch: 1));
        wanted = quota.Sum();
        if (wanted == 0)
            throw new WclUsageException($"Each of the {among.Length} images is the only one of its class, so none can be held out; use more images.");
        var held = new bool[Count];
        foreach (int place in random.Permutation(among.Length))
        {
            int i = among[place];
            if (quota[labels[i] + 1] == 0) continue;
            quota[labels[i] + 1]--;
            held[i] = true;
        }

        int[] heldOut = new int[wanted], train = new int[Count - wanted];
        int h = 0, t = 0;
        for (int i = 0; i < Count; i++)
        {
            if (held[i]) heldOut[h++] = i;
            else train[t++] = i;
        }
        return (Subset(train), Subset(heldOut));
    }

    /// <summary>Lets go of the pixels.</summary>
    public void Dispose()
    {
        if (!Interlocked.Exchange(ref disposed, true)) store.Dispose();
    }

    private int Place(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return selection is null ? index : selection[index];
    }

    /// <summary>How many of some images to hold out of each class (index: label + 1), by largest remainders, so that they add up to the total as far as every class keeps an image; of equal remainders the earlier of <paramref name="order"/> wins.</summary>
    private int[] HeldOutPerClass(int[] among, double fraction, int total, int[] order)
    {
        var sizes = new int[ClassNames.Count + 1];
        foreach (int i in among) sizes[labels[i] + 1]++;
        var quota = Array.ConvertAll(sizes, size => (int)(fraction * size));
        // In order of their names, the same few classes would lose an image at every seed. Rounded, since 0.2 x 11 - 2 and 0.2 x 6 - 1 differ in the last bit.
        var byRemainder = order.OrderByDescending(i => Math.Round(fraction * sizes[i] - quota[i], 9)).ToArray();
        int Most(int which) => which == 0 ? sizes[0] : Math.Max(0, sizes[which] - 1);
        int missing = Math.Min(total, Enumerable.Range(0, sizes.Length).Sum(Most)) - quota.Sum();
        for (int i = 0; missing > 0; i = (i + 1) % byRemainder.Length)
        {
            int which = byRemainder[i];
            if (quota[which] >= Most(which)) continue;
            quota[which]++;
            missing--;
        }
        return quota;
    }
}
