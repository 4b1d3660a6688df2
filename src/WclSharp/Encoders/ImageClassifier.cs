using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Heads;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>A fine-tuned classifier with everything that it needs to name what an image file shows. Safe for use by several threads at once: they decode at the same time, and compute in turn.</summary>
public sealed class ImageClassifier : IImageClassifier
{
    private ImageClassifier(ImageEncoder encoder, ClassifierTop top, IReadOnlyList<string> classNames) => (Encoder, Top, ClassNames) = (encoder, top, classNames);

    /// <summary>Names of the classes, in the order of the network's scores.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>What makes features of images.</summary>
    internal ImageEncoder Encoder { get; }

    /// <summary>What makes scores of features, in evaluation mode.</summary>
    internal ClassifierTop Top { get; }

    /// <summary>Loads the <c>classifier.safetensors</c> that <c>wcl finetune</c> wrote.</summary>
    /// <param name="path">The file, its folder, or the folder of the run that was fine-tuned.</param>
    /// <param name="device">cpu, cuda, cuda:N or auto.</param>
    /// <exception cref="WclUsageException">There is no classifier in the file or folder, or no such device.</exception>
    /// <exception cref="WclException">libtorch does not load.</exception>
    /// <remarks>
    /// The process's libtorch computes with as many threads at most as OpenMP grants, and on a GPU its products of float32 matrices and its convolutions no longer round to TF32:
    /// settings of libtorch's that hold for the whole program, and stay.
    /// </remarks>
    public static ImageClassifier Load(string path, string device = "cpu")
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(device);
        return Load(path, ComputeDevice.Choose(device, ComputePrecision.Fp32));
    }

    internal static ImageClassifier Load(string path, ComputeDevice compute)
    {
        path = ClassifierFacts.Find(path);
        var encoder = ImageEncoder.Load(path, compute);
        ClassifierTop? top = null;
        try
        {
            using var content = SafetensorsFile.Read(path);
            var facts = ClassifierFacts.Of(content, path);
            top = new ClassifierTop(encoder.FeatureSize, facts.Hidden, facts.ClassNames.Length, new ParameterInitializer(0));
            ModuleWeights.Load(top, content.Tensors, "", path);
            top.to(encoder.Device);
            top.eval();
            return new ImageClassifier(encoder, top, facts.ClassNames);
        }
        catch
        {
            top?.Dispose();
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>Whether a safetensors file holds a classifier, and not an encoder alone.</summary>
    /// <exception cref="WclUsageException">There is no such file, or it is damaged.</exception>
    internal static bool IsIn(string path)
    {
        using var content = SafetensorsFile.Read(path);
        return ClassifierFacts.AreIn(content);
    }

    /// <summary>What an image file shows (JPEG, PNG, WebP, BMP, GIF or TIFF).</summary>
    /// <param name="imagePath">The file.</param>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image; the message says why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    public IReadOnlyList<ClassProbability> Classify(string imagePath)
    {
        ArgumentNullException.ThrowIfNull(imagePath);
        ObjectDisposedException.ThrowIf(Encoder.Network.IsDisposed, this);
        return Ranked(Encoder.One(Encoder.FromFiles([imagePath])(0), Probabilities));
    }

    /// <summary>What an image in memory shows.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    public IReadOnlyList<ClassProbability> Classify(ReadOnlySpan<byte> encodedImage)
    {
        ObjectDisposedException.ThrowIf(Encoder.Network.IsDisposed, this);
        return Ranked(Encoder.One(Encoder.FromSpan(encodedImage), Probabilities));
    }

    /// <summary>What an image in a stream shows.</summary>
    /// <param name="encodedImage">The bytes of an image file, 256 MiB at most: read, not asynchronously, from where the stream stands to its end, and left open. What it throws is passed on.</param>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    public IReadOnlyList<ClassProbability> Classify(Stream encodedImage)
    {
        ObjectDisposedException.ThrowIf(Encoder.Network.IsDisposed, this);
        return Ranked(Encoder.One(Encoder.FromStream(encodedImage), Probabilities));
    }

    /// <summary>What many image files show: decoded on several threads, and put through the network some at a time.</summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>For each, in their order, every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">One of them cannot be read as an image; the message says which and why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<ClassProbability>[] Classify(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(imagePaths);
        return Each(imagePaths.Count, Encoder.FromFiles(imagePaths), cancellation);
    }

    /// <summary>What many images in memory show, as <see cref="Classify(IReadOnlyList{string}, CancellationToken)"/> says it of files.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>For each, in their order, every class with its probability, the most probable first.</returns>
    /// <exception cref="UnreadableImageException">One of them is not an image; the message says which, from 0, and why.</exception>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<ClassProbability>[] Classify(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(encodedImages);
        return Each(encodedImages.Count, Encoder.FromMemory(encodedImages), cancellation);
    }

    /// <summary>What many image files show, and their features, where some may be unreadable: these have their reason in the place of both.</summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order.</returns>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageInference[] Infer(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(imagePaths);
        return Infer(imagePaths.Count, Encoder.FromFiles(imagePaths), cancellation);
    }

    /// <summary>What many images in memory show, as <see cref="Infer(IReadOnlyList{string}, CancellationToken)"/> says it of files.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order.</returns>
    /// <exception cref="WclException">libtorch failed, above all for want of memory.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ImageInference[] Infer(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(encodedImages);
        return Infer(encodedImages.Count, Encoder.FromMemory(encodedImages), cancellation);
    }

    private ImageInference[] Infer(int count, Func<int, DecodedImage> decode, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(Encoder.Network.IsDisposed, this);
        int split = Encoder.FeatureSize;
        return Array.ConvertAll(Encoder.Each(count, decode, features => cat([features, Probabilities(features)], 1), goOn: true, cancellation), image => image.Error is { } error
            ? new ImageInference(error)
            : new ImageInference(image.Row[..split], Ranked(image.Row[split..])));
    }

    private IReadOnlyList<ClassProbability>[] Each(int count, Func<int, DecodedImage> decode, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(Encoder.Network.IsDisposed, this);
        return Array.ConvertAll(Encoder.Each(count, decode, Probabilities, cancellation), Ranked);
    }

    /// <summary>[N, F] features to [N, C] probabilities. By the thread that has the encoder's network.</summary>
    private Tensor Probabilities(Tensor features) => Top.call(features).softmax(1);

    private IReadOnlyList<ClassProbability> Ranked(float[] probabilities) => ClassProbability.Ranked(ClassNames, probabilities);

    /// <summary>Frees the network, once images that are under way have been through it.</summary>
    public void Dispose() => Encoder.Dispose(Top);
}
