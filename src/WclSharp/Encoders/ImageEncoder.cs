using System.Buffers;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Evaluation;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>
/// A pretrained encoder with everything that it needs to turn image files into features: network, weights, input size and
/// normalisation. Safe for use by several threads at once: they decode at the same time, and compute in turn.
/// </summary>
public sealed class ImageEncoder : IImageEncoder
{
    private readonly ComputeDevice compute;
    private readonly int storedSide;
    private readonly Lock gate = new(); // of the network

    private ImageEncoder(ResNet network, int imageSize, Normalization normalisation, ComputeDevice compute)
    {
        (Network, this.compute, ImageSize, Normalization) = (network, compute, imageSize, normalisation);
        Preparation = new Augmenter(imageSize, normalisation, seed: 0, compute.Device);
        storedSide = StoredSize.SideFor(imageSize);
    }

    /// <summary>The network, in eval mode.</summary>
    internal ResNet Network { get; }

    /// <summary>Prepares images as the network was trained on them.</summary>
    internal Augmenter Preparation { get; }

    /// <summary>Constants that images are normalised with.</summary>
    internal Normalization Normalization { get; }

    /// <summary>Where the network is.</summary>
    internal Device Device => compute.Device;

    /// <summary>The format of its convolutions: fp32 or bf16.</summary>
    internal string Precision => compute.TypeName;

    /// <summary>Length of a feature vector.</summary>
    public int FeatureSize => Network.FeatureSize;

    /// <summary>Side of the images that the network sees, pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Loads the encoder that a run left.</summary>
    /// <param name="source">A run folder, or the <c>encoder.safetensors</c> of one.</param>
    /// <param name="device">cpu, cuda, cuda:N or auto.</param>
    /// <exception cref="WclUsageException">There is no encoder there, its file does not say how it was made, or there is no such device.</exception>
    /// <exception cref="WclException">libtorch does not load.</exception>
    /// <remarks>
    /// The process's libtorch computes with as many threads at most as OpenMP grants, and on a GPU its products of float32 matrices and its convolutions no longer round to TF32:
    /// settings of libtorch's that hold for the whole program, and stay.
    /// </remarks>
    public static ImageEncoder Load(string source, string device = "cpu")
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(device);
        return Load(source, ComputeDevice.Choose(device, ComputePrecision.Fp32));
    }

    internal static ImageEncoder Load(string source, ComputeDevice compute)
    {
        var (network, facts) = EncoderWeights.ReadNetwork(source);
        network.to(compute.Device);
        network.eval();
        network.ComputeType = compute.Type;
        return new ImageEncoder(network, facts.ImageSize, facts.Normalization, compute);
    }

    /// <summary>Writes a network that a program trained by itself, so that <see cref="Load(string, string)"/> and <c>wcl export</c>, <c>embed</c> and <c>index</c> take it.</summary>
    /// <param name="network">The network, of width 512 at most.</param>
    /// <param name="path">A file that ends in <c>.safetensors</c>; one of that name is replaced. Names are torchvision's.</param>
    /// <param name="imageSize">Side of the images that it was trained on, pixels, 1 to 2048.</param>
    /// <param name="normalisation">What they were normalised with.</param>
    /// <exception cref="WclUsageException">Path, width, image size or normalisation are such that no encoder could be loaded; a file that was there is untouched.</exception>
    /// <exception cref="WclException">The weights are not finite, or the file cannot be written; a file that was there is untouched.</exception>
    /// <exception cref="ObjectDisposedException">The network was disposed of.</exception>
    public static void Save(ResNet network, string path, int imageSize, Normalization normalisation)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(path);
        ObjectDisposedException.ThrowIf(network.IsDisposed, network);
        if (!Path.GetExtension(path).Equals(".safetensors", StringComparison.OrdinalIgnoreCase)) throw new WclUsageException($"'{path}' does not end in .safetensors, by which an encoder's file is known; give it that ending.");
        var weights = ModuleWeights.Of(network).ToList();
        var facts = EncoderWeights.Describe(network, imageSize, normalisation);
        EncoderWeights.RequireLoadable(network, weights, imageSize, normalisation);
        SafetensorsFile.Write(path, weights, facts);
    }

    /// <summary>Features of an image file (JPEG, PNG, WebP, BMP, GIF or TIFF).</summary>
    /// <param name="imagePath">The file.</param>
    /// <returns><see cref="FeatureSize"/> numbers; their direction is what similarity is measured by.</returns>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image; the message says why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Embed(string imagePath)
    {
        ArgumentNullException.ThrowIfNull(imagePath);
        ObjectDisposedException.ThrowIf(Network.IsDisposed, this);
        return One(DecodedImage.OfFile(imagePath, storedSide), Features);
    }

    /// <summary>Features of an image in memory.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns><see cref="FeatureSize"/> numbers.</returns>
    /// <exception cref="UnreadableImageException">They are none that can be read; the message says why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Embed(ReadOnlySpan<byte> encodedImage)
    {
        ObjectDisposedException.ThrowIf(Network.IsDisposed, this);
        return One(FromSpan(encodedImage), Features);
    }

    /// <summary>Features of an image in a stream.</summary>
    /// <param name="encodedImage">The bytes of an image file, 256 MiB at most: read, not asynchronously, from where the stream stands to its end, and left open. What it throws is passed on.</param>
    /// <returns><see cref="FeatureSize"/> numbers.</returns>
    /// <exception cref="UnreadableImageException">They are none that can be read; the message says why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Embed(Stream encodedImage) => One(FromStream(encodedImage), Features);

    /// <summary>Features of many image files: decoded on several threads, and put through the network some at a time.</summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>A vector of <see cref="FeatureSize"/> numbers for each, in their order; one by one they can differ in the last bits.</returns>
    /// <exception cref="UnreadableImageException">One of them cannot be read as an image; the message says which and why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public float[][] Embed(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(imagePaths);
        return Each(imagePaths.Count, FromFiles(imagePaths), Features, cancellation);
    }

    /// <summary>Features of many images in memory, as <see cref="Embed(IReadOnlyList{string}, CancellationToken)"/> makes them of files.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>A vector for each, in their order.</returns>
    /// <exception cref="UnreadableImageException">One of them is not an image; the message says which, from 0, and why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public float[][] Embed(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(encodedImages);
        return Each(encodedImages.Count, FromMemory(encodedImages), Features, cancellation);
    }

    /// <summary>Features of many image files, where some may be unreadable: these have their reason in the place of features.</summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order, without classes.</returns>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageInference[] Infer(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(imagePaths);
        return Infer(imagePaths.Count, FromFiles(imagePaths), cancellation);
    }

    /// <summary>Features of many images in memory, as <see cref="Infer(IReadOnlyList{string}, CancellationToken)"/> makes them of files.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order, without classes.</returns>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageInference[] Infer(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(encodedImages);
        return Infer(encodedImages.Count, FromMemory(encodedImages), cancellation);
    }

    private ImageInference[] Infer(int count, Func<int, DecodedImage> decode, CancellationToken cancellation) =>
        Array.ConvertAll(Each(count, decode, Features, goOn: true, cancellation), image => image.Error is { } error ? new ImageInference(error) : new ImageInference(image.Row, []));

    private static Tensor Features(Tensor features) => features;

    /// <summary>Decodes an image of a list of files.</summary>
    internal Func<int, DecodedImage> FromFiles(IReadOnlyList<string> imagePaths) =>
        i => DecodedImage.OfFile(imagePaths[i] ?? throw new ArgumentException($"Path {i}, from 0, is null.", nameof(imagePaths)), storedSide);

    /// <summary>Decodes an image of a list of files' bytes.</summary>
    internal Func<int, DecodedImage> FromMemory(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages) => i => DecodedImage.Of(encodedImages[i].Span, $"Image {i}", storedSide);

    /// <summary>Decodes an image in memory.</summary>
    internal DecodedImage FromSpan(ReadOnlySpan<byte> encodedImage) => DecodedImage.Of(encodedImage, "The image", storedSide);

    /// <summary>Decodes a stream's image.</summary>
    internal DecodedImage FromStream(Stream encodedImage)
    {
        ArgumentNullException.ThrowIfNull(encodedImage);
        ObjectDisposedException.ThrowIf(Network.IsDisposed, this); // before the stream is read
        return DecodedImage.OfStream(encodedImage, storedSide);
    }

    /// <summary>Puts many images through the network, some at a time.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="decode">Decodes image i. On any thread.</param>
    /// <param name="output">Makes of [N, F] features what is wanted, [N, D].</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>D numbers of each image.</returns>
    internal float[][] Each(int count, Func<int, DecodedImage> decode, Func<Tensor, Tensor> output, CancellationToken cancellation) =>
        Array.ConvertAll(Each(count, decode, output, goOn: false, cancellation), image => image.Row);

    /// <summary>The same, which can go on after images that cannot be read: their places hold the reason.</summary>
    internal (float[] Row, UnreadableImageException? Error)[] Each(int count, Func<int, DecodedImage> decode, Func<Tensor, Tensor> output, bool goOn, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(Network.IsDisposed, this);
        var result = new (float[] Row, UnreadableImageException? Error)[count];
        int batch = FeatureExtractor.BatchFor(ImageSize);
        for (int start = 0; start < count; start += batch)
        {
            cancellation.ThrowIfCancellationRequested();
            int first = start;
            using var images = DecodedImages.Of(Math.Min(batch, count - start), i => decode(first + i), cancellation, goOn);
            var readable = images.Readable;
            float[][] rows = readable.Count == 0 ? [] : LibtorchException.InsteadOf(() => Rows(readable, output));
            for (int i = 0, row = 0; i < images.Errors.Length; i++)
                result[start + i] = images.Errors[i] is UnreadableImageException error ? ([], error) : (rows[row++], null);
        }

        cancellation.ThrowIfCancellationRequested(); // also where there is no image
        return result;
    }

    /// <summary>Puts one image through the network and gives its buffer back.</summary>
    /// <param name="image">The image.</param>
    /// <param name="output">Makes of [1, F] features what is wanted, [1, D].</param>
    internal float[] One(DecodedImage image, Func<Tensor, Tensor> output)
    {
        using (image) return LibtorchException.InsteadOf(() => Rows([image], output))[0];
    }

    /// <summary>One thread at a time: libtorch computes with all cores anyway, and nothing is freed under a computation.</summary>
    private float[][] Rows(IReadOnlyList<DecodedImage> images, Func<Tensor, Tensor> output)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(Network.IsDisposed, this);
            using var noGradient = no_grad();
            using var scope = NewDisposeScope();
            var result = output(Network.call(cat([.. images.Select(View)]))).cpu();
            return [.. result.data<float>().ToArray().Chunk((int)result.shape[1])];
        }
    }

    /// <summary>[1, 3, S, S], as the network sees an image.</summary>
    private Tensor View(DecodedImage image)
    {
        var host = empty([1, 3, image.Height, image.Width], dtype: ScalarType.Byte);
        image.Pixels.CopyTo(host.bytes);
        return Preparation.Evaluate(host.to(compute.Device), [image.Height], [image.Width]);
    }

    /// <summary>Cosine similarity of two feature vectors.</summary>
    /// <param name="a">Features of one image.</param>
    /// <param name="b">Features of another, by the same encoder.</param>
    /// <returns>-1 to 1, the larger the more alike; 0 where a vector is zero or empty, not a number where one has a number that is not finite.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float Similarity(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (a.Length != b.Length) throw new ArgumentException($"Features of {a.Length} and {b.Length} numbers come from two encoders.");
        double dot = 0, normA = 0, normB = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double x = a[i], y = b[i]; // their squares may be none of float32
            dot += x * y;
            normA += x * x;
            normB += y * y;
        }
        return (float)(dot / Math.Sqrt(Math.Max(normA * normB, double.Epsilon)));
    }

    /// <summary>Frees the network, once images that are under way have been through it.</summary>
    public void Dispose() => Dispose(null);

    /// <summary>The same, with what stands on the network.</summary>
    internal void Dispose(IDisposable? top)
    {
        lock (gate)
        {
            top?.Dispose();
            Network.Dispose();
        }
    }
}
