using System.Buffers;
using System.Globalization;

namespace WclSharp.Data;

/// <summary>Greyscale images of an IDX file, with the labels of a second one.</summary>
internal sealed class IdxSource : ImageSource
{
    private const int MaxPixels = 64 << 20;
    private readonly Func<Stream> openImages;
    private readonly string name;
    private readonly string[]? classes;
    private readonly int count, height, width;
    private IReadOnlyList<string> files = [];

    /// <summary>Reads the headers, and all labels.</summary>
    /// <param name="description">What it is, for people.</param>
    /// <param name="name">Name of the images file, for messages.</param>
    /// <param name="openImages">Opens the images file.</param>
    /// <param name="labelsName">Name of the labels file, for messages.</param>
    /// <param name="openLabels">Opens the labels file; null where there is none.</param>
    /// <param name="classNames">Names of labels 0, 1, ..; null uses the numbers.</param>
    public IdxSource(string description, string name, Func<Stream> openImages, string? labelsName, Func<Stream>? openLabels, IReadOnlyList<string>? classNames)
    {
        (Description, this.name, this.openImages) = (description, name, openImages);
        using (var images = IdxFile.Open(openImages(), name))
        {
            if (images.Shape.Length != 3)
                throw new WclUsageException($"'{name}' has {images.Shape.Length} dimensions, not the three of images (count, height, width)" +
                    (images.Shape.Length == 1 ? "; give the images file, its labels file is found beside it." : "."));
            (count, height, width) = (images.Shape[0], images.Shape[1], images.Shape[2]);
            if (height is < 1 or > ushort.MaxValue || width is < 1 or > ushort.MaxValue || (long)height * width > MaxPixels)
                throw new WclUsageException(FormattableString.Invariant($"'{name}' claims images of {width:N0} x {height:N0} pixels; sides of 1 to {ushort.MaxValue:N0} and {MaxPixels >> 20} megapixels are read."));
        }
        if (openLabels is not null) classes = ReadLabels(labelsName!, openLabels, classNames);
    }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override int Channels => 1;

    /// <inheritdoc/>
    public override int? Total => count;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files => files;

    /// <summary>The data set that is embedded in this library: the test images of Fashion-MNIST (Xiao et al. 2017), 28 x 28.</summary>
    public static IdxSource Embedded() => new("Fashion-MNIST test images (embedded)", "t10k-images-idx3-ubyte.gz", () => Resource("t10k-images-idx3-ubyte.gz"),
        "t10k-labels-idx1-ubyte.gz", () => Resource("t10k-labels-idx1-ubyte.gz"),
        ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]);

    /// <summary>An IDX file of images; its labels file, where there is one beside it, is found by name.</summary>
    public static IdxSource FromFile(string path)
    {
        string? labels = LabelsBeside(path);
        return new($"IDX images '{path}'", path, () => File.OpenRead(path), labels, labels is null ? null : () => OpenLabels(labels), null) { files = labels is null ? [path] : [path, labels] };
    }

    private static FileStream OpenLabels(string path) =>
        SpecialFile.Is(path) ? throw new WclUsageException($"'{path}', where the images' labels are looked for, is a device or a pipe; put the labels file there.") : File.OpenRead(path);

    /// <inheritdoc/>
    public override IEnumerable<SourceImage> Images(Func<int, bool> wanted)
    {
        using var images = IdxFile.Open(openImages(), name);
        int size = height * width;
        for (int i = 0; i < count; i++)
        {
            var image = new SourceImage { Name = i.ToString(CultureInfo.InvariantCulture), Class = classes?[i], Height = height, Width = width };
            if (wanted(i))
            {
                var pixels = ArrayPool<byte>.Shared.Rent(size);
                images.Read(pixels.AsSpan(0, size));
                image = image with { Bytes = pixels, Length = size };
            }
            else
            {
                images.Skip(size);
            }
            yield return image;
        }
        images.ReadEnd();
    }

    private string[] ReadLabels(string labelsName, Func<Stream> open, IReadOnlyList<string>? classNames)
    {
        using var labels = IdxFile.Open(open(), labelsName);
        if (labels.Shape.Length != 1) throw new WclUsageException($"'{labelsName}' has {labels.Shape.Length} dimensions, not the one of labels.");
        if (labels.Shape[0] != count) throw new WclUsageException(FormattableString.Invariant($"'{name}' has {count:N0} images, but '{labelsName}' has {labels.Shape[0]:N0} labels."));
        var values = new byte[count];
        labels.Read(values);
        labels.ReadEnd();

        // One string per class, not per image.
        var names = Enumerable.Range(0, 256).Select(i => i.ToString(CultureInfo.InvariantCulture)).ToArray();
        classNames?.ToArray().CopyTo(names, 0);
        return Array.ConvertAll(values, value => names[value]);
    }

    /// <summary>train-images-idx3-ubyte.gz has train-labels-idx1-ubyte.gz or train-labels-idx1-ubyte beside it.</summary>
    private static string? LabelsBeside(string path)
    {
        string file = Path.GetFileName(path);
        string labels = file.Replace("images", "labels", StringComparison.OrdinalIgnoreCase).Replace("idx3", "idx1", StringComparison.OrdinalIgnoreCase);
        if (labels == file) return null;
        bool gzipped = labels.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        string folder = Path.GetDirectoryName(path) ?? "";
        return ((string[])[labels, gzipped ? labels[..^3] : labels + ".gz"]).Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }

    private static Stream Resource(string file) =>
        typeof(IdxSource).Assembly.GetManifestResourceStream($"WclSharp.Data.FashionMnist.{file}")
        ?? throw new WclException($"The embedded data set lacks {file}; the library was not built whole.");
}
