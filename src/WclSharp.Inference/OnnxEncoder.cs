using System.Buffers;
using System.Runtime.ExceptionServices;
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
public sealed class OnnxEncoder : IDisposable
{
    // Rows that go through the network at a time: activations of some megabytes stay in the cache.
    private const int SmallImageBatch = 64, LargeImageBatch = 8;

    private readonly OnnxSession session;
    private readonly OnnxFacts facts;
    private readonly string path;
    private readonly int storedSide;
    private readonly long maxPixels;
    private readonly int threads; // that prepare; -1 for no limit

    private OnnxEncoder(InferenceSession session, OnnxFacts facts, string path, int threads, long maxPixels)
    {
        (this.session, this.facts, this.path, this.threads, this.maxPixels) = (new OnnxSession(session), facts, path, threads > 0 ? threads : -1, maxPixels);
        storedSide = StoredSize.SideFor(facts.ImageSize);
        Batch = facts.ImageSize <= EvaluationView.LargestSmallImage ? SmallImageBatch : LargeImageBatch;
    }

    /// <summary>Length of a feature vector.</summary>
    public int FeatureSize => facts.FeatureSize;

    /// <summary>Side of the images that the network sees, pixels.</summary>
    public int ImageSize => facts.ImageSize;

    /// <summary>Names of the classes, in the order of the network's scores; empty where the file holds an encoder alone.</summary>
    public IReadOnlyList<string> ClassNames => facts.ClassNames;

    /// <summary>Images that are best put through the network together.</summary>
    internal int Batch { get; }

    /// <summary>Length that the shorter side of an image is shrunk to when it is decoded, pixels.</summary>
    internal int StoredSide => storedSide;

    /// <summary>Floats of one image of the network's input, 3 S S.</summary>
    internal int InputSize => 3 * ImageSize * ImageSize;

    /// <summary>Pixels that an image may have unless <see cref="Load"/> is told otherwise: 64 x 2^20, some 67 million.</summary>
    public const long StandardMaxPixels = ImageDecoder.MaxPixels;

    /// <summary>Loads a file.</summary>
    /// <param name="path">An ONNX file that <c>wcl export</c> wrote.</param>
    /// <param name="threads">Threads that compute, and that decode where many images are embedded at a time; 0 is one per core, and so are more than there are.</param>
    /// <param name="maxPixels">Pixels that an image may have, by its header; larger ones, and those of more than 536 million, are refused before they are decoded, which takes 4 bytes a pixel, of progressive JPEG files up to 12 and of TIFF files up to 20.</param>
    /// <exception cref="WclUsageException">There is no such file, it is damaged, or it is another program's.</exception>
    /// <exception cref="WclException">ONNX Runtime's native library does not load, or memory does not suffice.</exception>
    public static OnnxEncoder Load(string path, int threads = 0, long maxPixels = StandardMaxPixels)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxPixels, 1);
        if (!File.Exists(path)) throw new WclUsageException($"There is no file '{path}'; give an ONNX file that wcl export wrote.");
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
            return new OnnxEncoder(session, facts, path, threads, maxPixels);
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
    /// <returns><see cref="FeatureSize"/> numbers; their direction is what similarity is measured by.</returns>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image; the message says why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Embed(string imagePath) => One(Decode(imagePath), OnnxFacts.Features, FeatureSize);

    /// <summary>Features of an image in memory.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns><see cref="FeatureSize"/> numbers.</returns>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public float[] Embed(ReadOnlySpan<byte> encodedImage) => One(Decode(encodedImage, "The image"), OnnxFacts.Features, FeatureSize);

    /// <summary>Features of many image files: decoded on several threads, and put through the network some at a time.</summary>
    /// <param name="imagePaths">The files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>A vector of <see cref="FeatureSize"/> numbers for each, in their order.</returns>
    /// <exception cref="UnreadableImageException">One of them cannot be read as an image; the message says which and why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public float[][] Embed(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(imagePaths);
        return Each(imagePaths.Count, FromFiles(imagePaths), OnnxFacts.Features, FeatureSize, cancellation);
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
        return Each(encodedImages.Count, FromMemory(encodedImages), OnnxFacts.Features, FeatureSize, cancellation);
    }

    /// <summary>An image file as the network takes it, for programs that run the ONNX file themselves: decoded, resized, and cut out of the middle where S is above 64.</summary>
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

    /// <summary>What an image file shows.</summary>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image.</exception>
    /// <exception cref="WclUsageException">This is no classifier.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    public IReadOnlyList<ClassProbability> Classify(string imagePath)
    {
        int classes = RequireClasses();
        return ClassProbability.Ranked(ClassNames, One(Decode(imagePath), OnnxFacts.Probabilities, classes));
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
        int classes = RequireClasses();
        return ClassProbability.Ranked(ClassNames, One(Decode(encodedImage, "The image"), OnnxFacts.Probabilities, classes));
    }

    /// <summary>What many image files show: decoded on several threads, and put through the network some at a time.</summary>
    /// <param name="imagePaths">The files.</param>
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
        return Ranked(Each(imagePaths.Count, FromFiles(imagePaths), OnnxFacts.Probabilities, RequireClasses(), cancellation));
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
        return Ranked(Each(encodedImages.Count, FromMemory(encodedImages), OnnxFacts.Probabilities, RequireClasses(), cancellation));
    }

    /// <summary>Puts prepared images through the network.</summary>
    /// <param name="pixels">[count, 3, S, S], 0 to 255, as <see cref="EvaluationView"/> makes them.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="output">Name of the output that is wanted.</param>
    /// <param name="target">[count, length of the output].</param>
    internal void Run(Memory<float> pixels, int count, string output, Memory<float> target)
    {
        try
        {
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, pixels[..(count * InputSize)], [count, 3, ImageSize, ImageSize]);
            using var result = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, target, [count, target.Length / count]);
            session.Run(OnnxFacts.Pixels, input, output, result);
        }
        catch (OnnxRuntimeException e)
        {
            throw new WclException($"'{path}' fails on {count} images: {ErrorText.Of(e)}.", e);
        }
    }

    /// <summary>Features of many images: prepared on several threads, and put through the network some at a time.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="prepare">Writes image i as [3, S, S], 0 to 255. On any thread.</param>
    /// <param name="cancellation">Stops between images.</param>
    internal float[][] EmbedEach(int count, Action<int, Memory<float>> prepare, CancellationToken cancellation = default) => Each(count, prepare, OnnxFacts.Features, FeatureSize, cancellation);

    private float[][] Each(int count, Action<int, Memory<float>> prepare, string output, int length, CancellationToken cancellation)
    {
        session.RequireOpen(); // also where there is no image
        cancellation.ThrowIfCancellationRequested();
        var result = new float[count][];
        int batch = Math.Min(Batch, count);
        var pixels = ArrayPool<float>.Shared.Rent(batch * InputSize);
        var numbers = new float[batch * length];
        var errors = new Exception?[batch];
        var limits = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        try
        {
            for (int start = 0; start < count; start += batch)
            {
                cancellation.ThrowIfCancellationRequested();
                int size = Math.Min(batch, count - start), first = start;
                Parallel.For(0, size, limits, i =>
                {
                    try
                    {
                        prepare(first + i, pixels.AsMemory(i * InputSize, InputSize));
                    }
                    catch (Exception e)
                    {
                        errors[i] = e; // told of below, by the first image that has one
                    }
                });
                if (Array.Find(errors, error => error is not null) is { } bad) ExceptionDispatchInfo.Throw(bad);
                Run(pixels, size, output, numbers.AsMemory(0, size * length));
                for (int i = 0; i < size; i++) result[start + i] = numbers.AsSpan(i * length, length).ToArray();
            }
            return result;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    /// <summary>Frees the network, once images that are under way have been through it.</summary>
    public void Dispose() => session.Dispose();

    private DecodedImage Decode(string imagePath)
    {
        session.RequireOpen(); // before an image is blamed
        return DecodedImage.OfFile(imagePath, storedSide, maxPixels);
    }

    private DecodedImage Decode(ReadOnlySpan<byte> encodedImage, string name)
    {
        session.RequireOpen();
        return DecodedImage.Of(encodedImage, name, storedSide, maxPixels);
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

    private float[] One(DecodedImage image, string output, int length)
    {
        var pixels = ArrayPool<float>.Shared.Rent(InputSize);
        try
        {
            View(image, pixels.AsSpan(0, InputSize));
            var result = new float[length];
            Run(pixels, 1, output, result);
            return result;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    /// <summary>Number of classes.</summary>
    /// <exception cref="WclUsageException">This is no classifier.</exception>
    internal int RequireClasses() => ClassNames.Count > 0
        ? ClassNames.Count
        : throw new WclUsageException($"'{path}' holds an encoder but no classifier; export a classifier.safetensors that wcl finetune made.");

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
