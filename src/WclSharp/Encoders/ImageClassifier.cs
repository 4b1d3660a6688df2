using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Heads;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>A class with its probability, 0 to 1.</summary>
public sealed record ClassProbability(string Class, float Probability);

/// <summary>A fine-tuned classifier with everything that it needs to name what an image file shows. Not safe for use by several threads at once.</summary>
public sealed class ImageClassifier : IDisposable
{
    private readonly ImageEncoder encoder;
    private readonly ClassifierTop top;

    private ImageClassifier(ImageEncoder encoder, ClassifierTop top, IReadOnlyList<string> classNames) =>
        (this.encoder, this.top, ClassNames) = (encoder, top, classNames);

    /// <summary>Names of the classes, in the order of the network's scores.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Loads the <c>classifier.safetensors</c> that <c>wcl finetune</c> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">cpu, cuda, cuda:N or auto.</param>
    /// <exception cref="WclUsageException">There is no classifier in the file.</exception>
    public static ImageClassifier Load(string path, string device = "cpu")
    {
        var encoder = ImageEncoder.Load(path, device);
        try
        {
            using var content = SafetensorsFile.Read(path);
            var facts = ClassifierFacts.Of(content, path);
            var top = new ClassifierTop(encoder.FeatureSize, facts.Hidden, facts.ClassNames.Length, new ParameterInitializer(0));
            ModuleWeights.Load(top, content.Tensors, "", path);
            top.to(encoder.Device);
            top.eval();
            return new ImageClassifier(encoder, top, facts.ClassNames);
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>What an image file shows (JPEG, PNG, WebP, BMP, GIF or TIFF).</summary>
    /// <returns>Every class with its probability, the most probable first.</returns>
    /// <exception cref="WclUsageException">The file cannot be read as an image; the message says why.</exception>
    public IReadOnlyList<ClassProbability> Classify(string imagePath) => Classify(encoder.Embed(imagePath));

    /// <summary>What an image in memory shows.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <returns>Every class with its probability, the most probable first.</returns>
    public IReadOnlyList<ClassProbability> Classify(ReadOnlySpan<byte> encodedImage) => Classify(encoder.Embed(encodedImage));

    private IReadOnlyList<ClassProbability> Classify(float[] features)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        float[] shares = top.call(tensor(features).unsqueeze(0).to(encoder.Device)).softmax(1).squeeze(0).cpu().data<float>().ToArray();
        return [.. shares.Select((share, i) => new ClassProbability(ClassNames[i], share)).OrderByDescending(each => each.Probability)];
    }

    public void Dispose()
    {
        top.Dispose();
        encoder.Dispose();
    }
}
