using System.Runtime.InteropServices;
using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Embedding;

/// <summary>A network that makes features of batches of prepared images, or probabilities of classes: libtorch's or ONNX Runtime's.</summary>
internal abstract class BatchEmbedder : IDisposable
{
    /// <summary>Images that are best put through together.</summary>
    public abstract int Batch { get; }

    /// <summary>What computes, as <c>--device</c> names it.</summary>
    public abstract string Device { get; }

    /// <summary>The format of its convolutions, as <c>--precision</c> names it; null where a file says it.</summary>
    public abstract string? Precision { get; }

    /// <summary>Side of the input, pixels.</summary>
    public abstract int ImageSize { get; }

    /// <summary>Numbers that it makes of an image: of features, or of classes.</summary>
    public abstract int RowSize { get; }

    /// <summary>The classes whose probabilities it makes; empty where it makes features.</summary>
    public abstract IReadOnlyList<string> ClassNames { get; }

    /// <summary>What the numbers are, where they are no features; null for features.</summary>
    public string? Output => ClassNames.Count > 0 ? OnnxFacts.Probabilities : null;

    /// <summary>Floats of one image of the input.</summary>
    public int InputSize => 3 * ImageSize * ImageSize;

    /// <summary>Loads what a path stands for: an ONNX file by its ending or its first bytes, a run or its encoder otherwise.</summary>
    /// <param name="model">The path.</param>
    /// <param name="device">cpu, cuda, cuda:N or auto; an ONNX file computes on the CPU.</param>
    /// <param name="precision">As <see cref="ImagePassOptions.Precision"/>.</param>
    /// <param name="progress">Warned where auto passes a GPU over; may be null.</param>
    /// <exception cref="WclUsageException">There is no network there, or an ONNX file was asked to compute in bfloat16.</exception>
    public static BatchEmbedder Load(string model, string device, ComputePrecision precision, IProgress<RunProgress>? progress = null)
    {
        _ = FileOf(model);
        if (!IsOnnx(model)) return new Libtorch(ImageEncoder.Load(model, ComputeDevice.ChooseForUse(device, precision, progress)), null);
        RequireOfOnnx(precision, model);
        return new Onnx(OnnxEncoder.Load(model), []);
    }

    /// <summary>Loads a classifier, for the probabilities of its classes.</summary>
    /// <param name="file">What <see cref="ClassifierFileOf"/> says.</param>
    /// <param name="device">As above.</param>
    /// <param name="precision">As above.</param>
    /// <param name="progress">As above.</param>
    /// <exception cref="WclUsageException">There is no classifier there, or an ONNX file was asked to compute in bfloat16.</exception>
    public static BatchEmbedder LoadClassifier(string file, string device, ComputePrecision precision, IProgress<RunProgress>? progress = null)
    {
        if (!IsOnnx(file))
        {
            var classifier = ImageClassifier.Load(file, ComputeDevice.ChooseForUse(device, precision, progress));
            return new Libtorch(classifier.Encoder, classifier);
        }
        RequireOfOnnx(precision, file);
        var encoder = OnnxEncoder.Load(file);
        try
        {
            encoder.RequireClasses();
            return new Onnx(encoder, encoder.ClassNames);
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>The file of the classifier that a path stands for: an ONNX file, or what <see cref="ClassifierFacts.Find"/> says.</summary>
    /// <exception cref="WclUsageException">There is no classifier there.</exception>
    public static string ClassifierFileOf(string classifier)
    {
        string file = IsOnnx(classifier) ? classifier : ClassifierFacts.Find(classifier);
        return IsFile(file) ? file : throw new WclUsageException($"There is no file '{file}'; give a classifier.safetensors, its folder, a run that was fine-tuned, or an ONNX file that wcl export wrote of one.");
    }

    /// <summary>The file that holds the network which a path stands for.</summary>
    /// <exception cref="WclUsageException">There is no network there.</exception>
    public static string FileOf(string model)
    {
        string file = IsOnnx(model) ? model : EncoderWeights.Find(model);
        return IsFile(file) ? file : throw new WclUsageException($"There is no file '{file}'; give a run folder, its encoder.safetensors, or an ONNX file that wcl export wrote.");
    }

    /// <summary>SHA-256 of the file that a model is in, hexadecimal.</summary>
    /// <exception cref="WclUsageException">There is no such model.</exception>
    public static string HashOf(string model)
    {
        string file = FileOf(model);
        try
        {
            return FileHash.Of(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WclUsageException($"'{file}' cannot be read: {ErrorText.Of(e)}.", e);
        }
    }

    /// <summary>Computes features.</summary>
    /// <param name="pixels">[count, 3, S, S], 0 to 255.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="features">[count, F].</param>
    public abstract void Embed(float[] pixels, int count, float[] features);

    public abstract void Dispose();

    /// <exception cref="WclUsageException">There is something else of this name.</exception>
    private static bool IsFile(string path) =>
        SpecialFile.Is(path) ? throw new WclUsageException($"'{path}' is a device or a pipe; save what comes through it as a file, and give that.") : File.Exists(path);

    // A file with the ending is one whatever is in it, so that a damaged one is told of as such.
    private static bool IsOnnx(string model) => model.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase) ? !Directory.Exists(model) : File.Exists(model) && WeightsFile.IsOnnx(model);

    /// <exception cref="WclUsageException">The precision is one that an ONNX file cannot be put into.</exception>
    private static void RequireOfOnnx(ComputePrecision precision, string file)
    {
        if (precision is ComputePrecision.Bf16 or ComputePrecision.Bf16Fast)
            throw new WclUsageException($"--precision {OptionValue.NameOf(precision)}: '{file}' is an ONNX file and computes as it was exported; leave the option out, or name the run.");
    }

    private sealed class Onnx(OnnxEncoder encoder, IReadOnlyList<string> classNames) : BatchEmbedder
    {
        public override int Batch => encoder.Batch;

        public override string Device => "cpu";

        public override string? Precision => null;

        public override int ImageSize => encoder.ImageSize;

        public override int RowSize => ClassNames.Count > 0 ? ClassNames.Count : encoder.FeatureSize;

        public override IReadOnlyList<string> ClassNames => classNames;

        public override void Embed(float[] pixels, int count, float[] features) =>
            encoder.Run(pixels, count, Output ?? OnnxFacts.Features, features.AsMemory(0, count * RowSize));

        public override void Dispose() => encoder.Dispose();
    }

    private sealed class Libtorch : BatchEmbedder
    {
        private readonly ImageEncoder encoder;
        private readonly ImageClassifier? classifier; // whose encoder it is
        private readonly Tensor mean, scale; // [3, 1, 1]

        public Libtorch(ImageEncoder encoder, ImageClassifier? classifier)
        {
            (this.encoder, this.classifier) = (encoder, classifier);
            int[] channels = [0, 1, 2];
            mean = tensor(Array.ConvertAll(channels, c => 255 * encoder.Normalization.MeanOf(c)), [3, 1, 1], device: encoder.Device).DetachFromDisposeScope();
            scale = tensor(Array.ConvertAll(channels, c => 1 / (255 * encoder.Normalization.StdOf(c))), [3, 1, 1], device: encoder.Device).DetachFromDisposeScope();
        }

        public override int Batch => FeatureExtractor.BatchFor(ImageSize);

        public override string Device => encoder.Device.ToString();

        public override string? Precision => encoder.Precision;

        public override int ImageSize => encoder.ImageSize;

        public override int RowSize => classifier is null ? encoder.FeatureSize : ClassNames.Count;

        public override IReadOnlyList<string> ClassNames => classifier?.ClassNames ?? [];

        public override void Embed(float[] pixels, int count, float[] features)
        {
            using var noGradient = no_grad();
            using var scope = NewDisposeScope();
            var host = empty([count, 3, ImageSize, ImageSize], dtype: ScalarType.Float32);
            MemoryMarshal.AsBytes(pixels.AsSpan(0, count * InputSize)).CopyTo(host.bytes);
            var input = host.to(encoder.Device).sub(mean).mul_(scale);
            var result = encoder.Network.call(input); // [count, F]
            if (classifier is not null) result = classifier.Top.call(result).softmax(1);
            result = result.cpu().contiguous();
            MemoryMarshal.Cast<byte, float>(result.bytes).CopyTo(features);
        }

        public override void Dispose()
        {
            mean.Dispose();
            scale.Dispose();
            if (classifier is null) encoder.Dispose();
            else classifier.Dispose();
        }
    }
}
