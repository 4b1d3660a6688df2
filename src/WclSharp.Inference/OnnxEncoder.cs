using Microsoft.ML.OnnxRuntime;
using WclSharp.Data;

namespace WclSharp.Inference;

/// <summary>
/// An encoder, or a fine-tuned classifier, from the ONNX file that <c>wcl export</c> wrote: image files in, features or classes
/// out, by ONNX Runtime and without libtorch. Safe for use by several threads at once.
/// </summary>
/// <remarks>
/// The file says all that it takes to use it: image size, length of the features, names of the classes; its normalisation is part of
/// the graph. Images are decoded, shrunk and cut as they are for the evaluation of a run.
/// </remarks>
public sealed class OnnxEncoder : IImageEncoder, IImageClassifier
{
    private readonly ImageNetwork network;
    private readonly OnnxFacts facts;
    private readonly long maxPixels;

    private OnnxEncoder(ImageNetwork network, OnnxFacts facts, long maxPixels)
    {
        (this.network, this.facts, this.maxPixels) = (network, facts, maxPixels);
        StoredSide = StoredSize.SideFor(facts.ImageSize);
    }

    /// <summary>Length of a feature vector.</summary>
    public int FeatureSize => facts.FeatureSize;

    /// <summary>Side of the images that the network sees, pixels.</summary>
    public int ImageSize => facts.ImageSize;

    /// <summary>Names of the classes, in the order of the network's scores; empty where the file holds an encoder alone.</summary>
    public IReadOnlyList<string> ClassNames => facts.ClassNames;

    /// <summary>Images that are best put through the network together.</summary>
    internal int Batch => network.Batch;

    /// <summary>Length that the shorter side of an image is shrunk to when it is decoded, pixels.</summary>
    internal int StoredSide { get; }

    /// <summary>Floats of one image of the network's input, 3 S S.</summary>
    internal int InputSize => network.InputSize;

    /// <summary>Pixels that an image may have unless <see cref="Load"/> is told otherwise: 64 x 2^20, some 67 million.</summary>
    public const long StandardMaxPixels = ImageDecoder.MaxPixels;

    /// <summary>Loads a file.</summary>
    /// <param name="path">An ONNX file that <c>wcl export</c> wrote.</param>
    /// <param name="threads">Threads that compute, and that decode where many images are embedded at a time; 0 is one per core, and so are more than there are.</param>
    /// <param name="maxPixels">Pixels that an image may have, by its header; larger ones, and those of more than 536 million, are refused before they are decoded, which takes 4 bytes a pixel, of progressive JPEG files up to 12 and of TIFF files up to 20.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of threads is negative, or that of pixels below 1.</exception>
    /// <exception cref="WclUsageException">There is no such file, it is damaged, or it is another program's.</exception>
    /// <exception cref="WclException">ONNX Runtime's native library does not load, or memory does not suffice.</exception>
    /// <remarks>ONNX Runtime has one environment a process: a program that sets up its own (<c>OrtEnv.CreateInstanceWithOptions</c>) does so before it loads the first encoder.</remarks>
    public static OnnxEncoder Load(string path, int threads = 0, long maxPixels = StandardMaxPixels)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxPixels, 1);
        if (!File.Exists(path)) throw new WclUsageException($"There is no file '{path}'; give an ONNX file that wcl export wrote.");
        if (SpecialFile.Is(path)) throw new WclUsageException($"'{path}' is a device or a pipe; give an ONNX file that wcl export wrote.");
        InferenceSession? session = null;
        try
        {
            threads = Math.Min(threads, Environment.ProcessorCount); // thousands take minutes to start, and gain nothing
            OnnxRuntimeSetup.Quiet();
            OnnxStructure.Check(path);
            using var options = OnnxRuntimeSetup.Options(threads);
            session = new InferenceSession(path, options);
            var facts = OnnxFacts.Parse(session.ModelMetadata.CustomMetadataMap, path);
            CheckGraph(session, facts, path);
            return new OnnxEncoder(new ImageNetwork(session, facts, path, threads), facts, maxPixels);
        }
        catch (Exception e)
        {
            session?.Dispose();
            throw e switch
            {
                WclException => e,
                OutOfMemoryException => new WclException($"There is not enough memory to load '{path}'.", e),
                OnnxRuntimeException when e.Message.Contains("bad_alloc", StringComparison.Ordinal) || e.Message.Contains("allocate memory", StringComparison.Ordinal) =>
                    new WclException($"There is not enough memory to load '{path}': {ErrorText.Of(e)}.", e),
                OnnxRuntimeException or ArgumentException => new WclUsageException($"'{path}' is not an ONNX file that can be used: {ErrorText.Of(e)}.", e),
                TypeInitializationException or DllNotFoundException => new WclException($"ONNX Runtime's native library does not load: {ErrorText.Of(e.InnerException ?? e)}.", e),
                _ => new WclUsageException($"'{path}' cannot be read: {ErrorText.Of(e)}.", e),
            };
        }
    }

    /// <summary>Features of an image file (JPEG, PNG, WebP, BMP, GIF or TIFF).</summary>
    /// <param name="imagePath">The file.</param>
    /// <returns><see cref="FeatureSize"/> numbers; their direction is what similarity is measured by.</returns>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image; the message says why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Embed(string imagePath) => One(Decode(imagePath), Features);

    /// <summary>Features of an image in memory.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns><see cref="FeatureSize"/> numbers.</returns>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Embed(ReadOnlySpan<byte> encodedImage) => One(Decode(encodedImage, "The image"), Features);

    /// <summary>Features of an image in a stream.</summary>
    /// <param name="encodedImage">The bytes of an image file, 256 MiB at most: read, not asynchronously, from where the stream stands to its end, and left open. What it throws is passed on.</param>
    /// <returns><see cref="FeatureSize"/> numbers.</returns>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Embed(Stream encodedImage) => One(Decode(encodedImage), Features);

    /// <summary>Features of many image files: decoded on several threads, and put through the network some at a time.</summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>A vector of <see cref="FeatureSize"/> numbers for each, in their order.</returns>
    /// <exception cref="UnreadableImageException">One of them cannot be read as an image; the message says which and why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public float[][] Embed(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(imagePaths);
        return Each(imagePaths.Count, FromFiles(imagePaths), Features, cancellation);
    }

    /// <summary>Features of many images in memory.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>A vector of <see cref="FeatureSize"/> numbers for each, in their order.</returns>
    /// <exception cref="UnreadableImageException">One of them is not an image; the message says which, from 0, and why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public float[][] Embed(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(encodedImages);
        return Each(encodedImages.Count, FromMemory(encodedImages), Features, cancellation);
    }

    /// <summary>An image file as the network takes it, for programs that run the ONNX file themselves: decoded, resized, and cut out of the middle where S is above 64.</summary>
    /// <param name="imagePath">The file.</param>
    /// <returns>[3, S, S], red, green and blue planes, 0 to 255, S being <see cref="ImageSize"/>; the normalisation is in the graph.</returns>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image; the message says why.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Prepare(string imagePath) => Prepared(Decode(imagePath));

    /// <summary>An image in memory as the network takes it, as <see cref="Prepare(string)"/> makes it of a file.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns>[3, S, S], as there.</returns>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Prepare(ReadOnlySpan<byte> encodedImage) => Prepared(Decode(encodedImage, "The image"));

    /// <summary>What an image file shows (JPEG, PNG, WebP, BMP, GIF or TIFF).</summary>
    /// <param name="imagePath">The file.</param>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image.</exception>
    /// <exception cref="WclUsageException">This is no classifier.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public IReadOnlyList<ClassProbability> Classify(string imagePath)
    {
        var probabilities = Probabilities; // refused before the image is
        return ClassProbability.Ranked(ClassNames, One(Decode(imagePath), probabilities));
    }

    /// <summary>What an image in memory shows.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">They are not an image.</exception>
    /// <exception cref="WclUsageException">This is no classifier.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public IReadOnlyList<ClassProbability> Classify(ReadOnlySpan<byte> encodedImage)
    {
        var probabilities = Probabilities; // refused before the image is
        return ClassProbability.Ranked(ClassNames, One(Decode(encodedImage, "The image"), probabilities));
    }

    /// <summary>What an image in a stream shows.</summary>
    /// <param name="encodedImage">The bytes of an image file, 256 MiB at most: read, not asynchronously, from where the stream stands to its end, and left open. What it throws is passed on.</param>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">They are not an image.</exception>
    /// <exception cref="WclUsageException">This is no classifier.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public IReadOnlyList<ClassProbability> Classify(Stream encodedImage)
    {
        var probabilities = Probabilities; // refused before the stream is read
        return ClassProbability.Ranked(ClassNames, One(Decode(encodedImage), probabilities));
    }

    /// <summary>What many image files show: decoded on several threads, and put through the network some at a time.</summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>For each, in their order, every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">One of them cannot be read as an image; the message says which and why.</exception>
    /// <exception cref="WclUsageException">This is no classifier.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<ClassProbability>[] Classify(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(imagePaths);
        return Ranked(Each(imagePaths.Count, FromFiles(imagePaths), Probabilities, cancellation));
    }

    /// <summary>What many images in memory show.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>For each, in their order, every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">One of them is not an image; the message says which, from 0, and why.</exception>
    /// <exception cref="WclUsageException">This is no classifier.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<ClassProbability>[] Classify(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(encodedImages);
        return Ranked(Each(encodedImages.Count, FromMemory(encodedImages), Probabilities, cancellation));
    }

    /// <summary>
    /// What the network makes of many image files, features and classes in one pass. One that cannot be read says so in its place, where
    /// <see cref="Embed(IReadOnlyList{string}, CancellationToken)"/> and <see cref="Classify(IReadOnlyList{string}, CancellationToken)"/> give up.
    /// </summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order.</returns>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageInference[] Infer(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(imagePaths);
        return Infer(imagePaths.Count, FromFiles(imagePaths), cancellation);
    }

    /// <summary>What the network makes of many images in memory, as <see cref="Infer(IReadOnlyList{string}, CancellationToken)"/> says it of files.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order.</returns>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageInference[] Infer(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(encodedImages);
        return Infer(encodedImages.Count, FromMemory(encodedImages), cancellation);
    }

    private ImageInference[] Infer(int count, Action<int, Memory<float>> prepare, CancellationToken cancellation)
    {
        (string, int)[] outputs = ClassNames.Count > 0 ? [Features, Probabilities] : [Features];
        return Array.ConvertAll(network.Each(count, prepare, outputs, cancellation, goOn: true), image => image.Error is { } error
            ? new ImageInference(error)
            : new ImageInference(image.Rows[0], image.Rows.Length > 1 ? ClassProbability.Ranked(ClassNames, image.Rows[1]) : []));
    }

    /// <summary>Frees the network, once images that are under way have been through it.</summary>
    public void Dispose() => network.Dispose();

    /// <summary>Puts prepared images through the network.</summary>
    /// <param name="pixels">[count, 3, S, S], 0 to 255, as <see cref="EvaluationView"/> makes them.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="output">Name of the output that is wanted.</param>
    /// <param name="target">[count, length of the output].</param>
    internal void Run(Memory<float> pixels, int count, string output, Memory<float> target) => network.Run(pixels, count, [output], [target]);

    /// <summary>Features of many images: prepared on several threads, and put through the network some at a time.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="prepare">Writes image i as [3, S, S], 0 to 255. On any thread.</param>
    /// <param name="cancellation">Stops between images.</param>
    internal float[][] EmbedEach(int count, Action<int, Memory<float>> prepare, CancellationToken cancellation = default) => Each(count, prepare, Features, cancellation);

    private (string Name, int Length) Features => (OnnxFacts.Features, FeatureSize);

    private (string Name, int Length) Probabilities => (OnnxFacts.Probabilities, RequireClasses());

    private float[][] Each(int count, Action<int, Memory<float>> prepare, (string Name, int Length) output, CancellationToken cancellation) =>
        Array.ConvertAll(network.Each(count, prepare, [output], cancellation), image => image.Rows[0]);

    private DecodedImage Decode(string imagePath)
    {
        ArgumentNullException.ThrowIfNull(imagePath);
        network.RequireOpen(); // before an image is blamed
        return DecodedImage.OfFile(imagePath, StoredSide, maxPixels);
    }

    private DecodedImage Decode(ReadOnlySpan<byte> encodedImage, string name)
    {
        network.RequireOpen();
        return DecodedImage.Of(encodedImage, name, StoredSide, maxPixels);
    }

    private DecodedImage Decode(Stream encodedImage)
    {
        ArgumentNullException.ThrowIfNull(encodedImage);
        network.RequireOpen(); // before the stream is read
        return DecodedImage.OfStream(encodedImage, StoredSide, maxPixels);
    }

    private Action<int, Memory<float>> FromFiles(IReadOnlyList<string> imagePaths) => (i, target) =>
        View(Decode(imagePaths[i] ?? throw new ArgumentException($"Path {i}, from 0, is null.", nameof(imagePaths))), target.Span);

    private Action<int, Memory<float>> FromMemory(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages) => (i, target) => View(Decode(encodedImages[i].Span, $"Image {i}"), target.Span);

    private IReadOnlyList<ClassProbability>[] Ranked(float[][] probabilities) => Array.ConvertAll(probabilities, each => ClassProbability.Ranked(ClassNames, each));

    private float[] Prepared(DecodedImage image)
    {
        var pixels = new float[InputSize];
        View(image, pixels);
        return pixels;
    }

    /// <summary>Writes an image as the network sees it, and gives it back.</summary>
    private void View(DecodedImage image, Span<float> target)
    {
        using (image) image.WriteView(ImageSize, target);
    }

    private float[] One(DecodedImage image, (string Name, int Length) output) => network.One(pixels => View(image, pixels.Span), output);

    /// <summary>Number of classes.</summary>
    /// <exception cref="WclUsageException">This is no classifier.</exception>
    internal int RequireClasses() => ClassNames.Count > 0
        ? ClassNames.Count
        : throw new WclUsageException($"'{network.Path}' holds an encoder but no classifier; export a classifier.safetensors that wcl finetune made.");

    /// <summary>Refuses a graph that does not keep what its metadata say.</summary>
    private static void CheckGraph(InferenceSession session, OnnxFacts facts, string path)
    {
        Check(session.InputMetadata, OnnxFacts.Pixels, [3, facts.ImageSize, facts.ImageSize]);
        Check(session.OutputMetadata, OnnxFacts.Features, [facts.FeatureSize]);
        if (facts.ClassNames.Count > 0) Check(session.OutputMetadata, OnnxFacts.Probabilities, [facts.ClassNames.Count]);

        void Check(IReadOnlyDictionary<string, NodeMetadata> nodes, string name, ReadOnlySpan<int> shape)
        {
            if (!nodes.TryGetValue(name, out var node) || !node.IsTensor || node.ElementType != typeof(float) || node.Dimensions is not [_, .. var rest] || !shape.SequenceEqual(rest))
                throw new WclUsageException($"'{path}' does not have the \"{name}\" of [N, {string.Join(", ", shape.ToArray())}] float32 that its metadata speak of; export it anew.");
        }
    }
}
