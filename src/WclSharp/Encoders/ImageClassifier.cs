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

/// <summary>A fine-tuned classifier with everything that it needs to name what an image file shows. Not safe for use by several threads at once.</summary>
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
        ObjectDisposedException.ThrowIf(Encoder.Network.IsDisposed, this);
        return Classify(Encoder.Embed(imagePath));
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
        return Classify(Encoder.Embed(encodedImage));
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

    private IReadOnlyList<ClassProbability>[] Each(int count, Func<int, DecodedImage> decode, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(Encoder.Network.IsDisposed, this);
        return Array.ConvertAll(Encoder.Each(count, decode, features => Top.call(features).softmax(1), cancellation), each => ClassProbability.Ranked(ClassNames, each));
    }

    private IReadOnlyList<ClassProbability> Classify(float[] features) => LibtorchException.InsteadOf(() => Ranked(features));

    private IReadOnlyList<ClassProbability> Ranked(float[] features)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        float[] probabilities = Top.call(tensor(features).unsqueeze(0).to(Encoder.Device)).softmax(1).squeeze(0).cpu().data<float>().ToArray();
        return ClassProbability.Ranked(ClassNames, probabilities);
    }

    /// <summary>Frees the network.</summary>
    public void Dispose()
    {
        Top.Dispose();
        Encoder.Dispose();
    }
}
