using System.Buffers;
using System.Runtime.Intrinsics.X86;
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

    private static readonly Lock EnvironmentGate = new();
    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();
    private readonly OnnxFacts facts;
    private readonly string path;
    private readonly int storedSide;

    private OnnxEncoder(InferenceSession session, OnnxFacts facts, string path)
    {
        (this.session, this.facts, this.path) = (session, facts, path);
        storedSide = StoredSize.SideFor(facts.ImageSize);
        Batch = facts.ImageSize <= EvaluationView.LargestSmallImage ? SmallImageBatch : LargeImageBatch;
    }

    /// <summary>The version of ONNX Runtime.</summary>
    /// <exception cref="TypeInitializationException">Its native library is missing or does not load.</exception>
    internal static string RuntimeVersion
    {
        get
        {
            QuietEnvironment();
            return OrtEnv.Instance().GetVersionString();
        }
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

    /// <summary>Loads a file.</summary>
    /// <param name="path">An ONNX file that <c>wcl export</c> wrote.</param>
    /// <param name="threads">Threads that compute; 0 is one per core.</param>
    /// <exception cref="WclUsageException">There is no such file, it is damaged, or it is another program's.</exception>
    /// <exception cref="WclException">ONNX Runtime's native library does not load.</exception>
    public static OnnxEncoder Load(string path, int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        if (!File.Exists(path)) throw new WclUsageException($"There is no file '{path}'; give an ONNX file that wcl export wrote.");
        InferenceSession? session = null;
        try
        {
            QuietEnvironment();
            OnnxStructure.Check(path);
            using var options = Options(threads);
            session = new InferenceSession(path, options);
            var facts = OnnxFacts.Parse(session.ModelMetadata.CustomMetadataMap, path);
            CheckGraph(session, facts, path);
            return new OnnxEncoder(session, facts, path);
        }
        catch (Exception e)
        {
            session?.Dispose();
            throw e switch
            {
                WclException => e,
                OnnxRuntimeException or ArgumentException => new WclUsageException($"'{path}' is not an ONNX file that can be used: {OneLine(e)}", e),
                TypeInitializationException or DllNotFoundException => new WclException($"ONNX Runtime's native library does not load: {OneLine(e.InnerException ?? e)}", e),
                _ => new WclUsageException($"'{path}' cannot be read: {OneLine(e)}", e),
            };
        }
    }

    /// <summary>Features of an image file (JPEG, PNG, WebP, BMP, GIF or TIFF).</summary>
    /// <returns><see cref="FeatureSize"/> numbers; their direction is what similarity is measured by.</returns>
    /// <exception cref="WclUsageException">The file cannot be read as an image; the message says why.</exception>
    public float[] Embed(string imagePath) =>
        WithFile(imagePath, bytes => One(bytes, Quoted(imagePath), OnnxFacts.Features, FeatureSize));

    /// <summary>Features of an image in memory.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns><see cref="FeatureSize"/> numbers.</returns>
    /// <exception cref="WclUsageException">They are not an image; the message says why.</exception>
    public float[] Embed(ReadOnlySpan<byte> encodedImage) => One(encodedImage, "The image", OnnxFacts.Features, FeatureSize);

    /// <summary>Features of many image files: decoded on several threads, and put through the network some at a time.</summary>
    /// <returns>A vector of <see cref="FeatureSize"/> numbers for each, in their order.</returns>
    /// <exception cref="WclUsageException">One of them cannot be read as an image; the message says which and why.</exception>
    public float[][] Embed(IReadOnlyList<string> imagePaths) =>
        EmbedEach(imagePaths.Count, (i, target) => WithFile(imagePaths[i], bytes => Prepare(bytes, Quoted(imagePaths[i]), target.Span)));

    /// <summary>Features of many images in memory.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <returns>A vector of <see cref="FeatureSize"/> numbers for each, in their order.</returns>
    /// <exception cref="WclUsageException">One of them is not an image; the message says which, from 0, and why.</exception>
    public float[][] Embed(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages) =>
        EmbedEach(encodedImages.Count, (i, target) => Prepare(encodedImages[i].Span, $"Image {i}", target.Span));

    /// <summary>An image file as the network takes it, for programs that run the ONNX file themselves: decoded, resized, and cut out of the middle where S is above 64.</summary>
    /// <returns>[3, S, S], red, green and blue planes, 0 to 255, S being <see cref="ImageSize"/>; the normalisation is in the graph.</returns>
    /// <exception cref="WclUsageException">The file cannot be read as an image; the message says why.</exception>
    public float[] Prepare(string imagePath)
    {
        var pixels = new float[InputSize];
        WithFile(imagePath, bytes => Prepare(bytes, Quoted(imagePath), pixels));
        return pixels;
    }

    /// <summary>What an image file shows.</summary>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="WclUsageException">The file cannot be read as an image, or this is no classifier.</exception>
    public IReadOnlyList<ClassProbability> Classify(string imagePath)
    {
        int classes = RequireClasses();
        return Ranked(WithFile(imagePath, bytes => One(bytes, Quoted(imagePath), OnnxFacts.Probabilities, classes)));
    }

    /// <summary>What an image in memory shows.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="WclUsageException">They are not an image, or this is no classifier.</exception>
    public IReadOnlyList<ClassProbability> Classify(ReadOnlySpan<byte> encodedImage) =>
        Ranked(One(encodedImage, "The image", OnnxFacts.Probabilities, RequireClasses()));

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
            session.Run(runOptions, [OnnxFacts.Pixels], [input], [output], [result]);
        }
        catch (OnnxRuntimeException e)
        {
            throw new WclException($"'{path}' fails on {count} images: {OneLine(e)}", e);
        }
    }

    /// <summary>Features of many images: prepared on several threads, and put through the network some at a time.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="prepare">Writes image i as [3, S, S], 0 to 255; what it returns says nothing. On any thread.</param>
    internal float[][] EmbedEach(int count, Func<int, Memory<float>, bool> prepare)
    {
        var result = new float[count][];
        int batch = Math.Min(Batch, count);
        var pixels = ArrayPool<float>.Shared.Rent(batch * InputSize);
        var features = new float[batch * FeatureSize];
        var errors = new WclUsageException?[batch];
        try
        {
            for (int start = 0; start < count; start += batch)
            {
                int size = Math.Min(batch, count - start), first = start;
                Parallel.For(0, size, i =>
                {
                    try
                    {
                        prepare(first + i, pixels.AsMemory(i * InputSize, InputSize));
                    }
                    catch (WclUsageException e)
                    {
                        errors[i] = e;
                    }
                });
                if (Array.Find(errors, error => error is not null) is { } bad) throw bad;
                Run(pixels, size, OnnxFacts.Features, features.AsMemory(0, size * FeatureSize));
                for (int i = 0; i < size; i++) result[start + i] = features.AsSpan(i * FeatureSize, FeatureSize).ToArray();
            }
            return result;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    public void Dispose()
    {
        session.Dispose();
        runOptions.Dispose();
    }

    private float[] One(ReadOnlySpan<byte> encodedImage, string name, string output, int length)
    {
        var pixels = ArrayPool<float>.Shared.Rent(InputSize);
        try
        {
            Prepare(encodedImage, name, pixels.AsSpan(0, InputSize));
            var result = new float[length];
            Run(pixels, 1, output, result);
            return result;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    private static T WithFile<T>(string imagePath, Func<ReadOnlySpan<byte>, T> use)
    {
        byte[]? buffer = null;
        try
        {
            (buffer, int length) = ImageFile.Read(imagePath);
            return use(buffer.AsSpan(0, length));
        }
        catch (Exception e) when (ImageFile.IsBad(e))
        {
            throw Unreadable(Quoted(imagePath), e);
        }
        finally
        {
            if (buffer is not null) ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private bool Prepare(ReadOnlySpan<byte> encodedImage, string name, Span<float> target)
    {
        byte[]? decoded = null;
        try
        {
            decoded = ImageDecoder.Decode(encodedImage, storedSide, out int height, out int width); // [3, height, width]
            EvaluationView.Write(decoded.AsSpan(0, 3 * height * width), 3, height, width, ImageSize, target);
            return true;
        }
        catch (Exception e) when (ImageFile.IsBad(e))
        {
            throw Unreadable(name, e);
        }
        finally
        {
            if (decoded is not null) ArrayPool<byte>.Shared.Return(decoded);
        }
    }

    private int RequireClasses() => ClassNames.Count > 0
        ? ClassNames.Count
        : throw new WclUsageException($"'{path}' holds an encoder but no classifier; export a classifier.safetensors that wcl finetune made.");

    private IReadOnlyList<ClassProbability> Ranked(float[] shares) =>
        [.. shares.Select((share, i) => new ClassProbability(ClassNames[i], share)).OrderByDescending(each => each.Probability)];

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

    /// <summary>How ONNX Runtime is used.</summary>
    /// <param name="threads">Threads that compute; 0 is one per core.</param>
    internal static SessionOptions Options(int threads)
    {
        var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, IntraOpNumThreads = threads };
        // Without VNNI, pairs of 8-bit products are added in 16 bits, which overflow, unless the slower way is asked for. With VNNI that would be the slower way for nothing.
        if (X86Base.IsSupported && !HasVnni()) options.AddSessionConfigEntry("session.x64quantprecision", "1");
        return options;
    }

    /// <summary>Whether the processor adds 8-bit products in 32 bits: AVX512_VNNI or AVX-VNNI.</summary>
    private static bool HasVnni() =>
        X86Base.CpuId(0, 0).Eax >= 7 && ((X86Base.CpuId(7, 0).Ecx >> 11 & 1) != 0 || (X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax >> 4 & 1) != 0));

    /// <summary>Keeps warnings off the error stream (of graphics cards that are not there, for example), unless the program has set up ONNX Runtime itself.</summary>
    internal static void QuietEnvironment()
    {
        lock (EnvironmentGate)
        {
            if (OrtEnv.IsCreated) return;
            var options = new EnvironmentCreationOptions { logId = "WclSharp", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            OrtEnv.CreateInstanceWithOptions(ref options);
        }
    }

    private static string Quoted(string path) => $"'{path}'";

    private static WclUsageException Unreadable(string name, Exception e) => new($"{name} cannot be read as an image: {ImageFile.Reason(e)}.", e);

    private static string OneLine(Exception e) => e.Message.ReplaceLineEndings(" ").TrimEnd('.') + ".";
}
