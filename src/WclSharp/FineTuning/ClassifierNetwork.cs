using System.Text.Json;
using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Checkpoints;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Evaluation;
using WclSharp.Heads;
using WclSharp.Native;
using WclSharp.Optimizers;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.FineTuning;

/// <summary>An encoder and what is on top of it: images in, scores of classes out.</summary>
internal sealed class ClassifierNetwork : IDisposable
{
    private const int EvaluationBatch = 128;
    private readonly ComputeDevice compute;

    /// <summary>A network with fresh weights.</summary>
    /// <param name="facts">Encoder.</param>
    /// <param name="hidden">Width of the head's first layer; null for none.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="seed">Seed of the weights.</param>
    /// <param name="compute">Where and in what format.</param>
    public ClassifierNetwork(EncoderFacts facts, int? hidden, int classes, long seed, ComputeDevice compute)
    {
        this.compute = compute;
        // PyTorch's usual start of convolutions: the better one in short runs (docs/default-recipe.md).
        var random = new ParameterInitializer(seed, Training.ConvInit.PyTorch);
        Encoder = new ResNet(facts.Arch, facts.Width, facts.Stem, random);
        Top = new ClassifierTop(Encoder.FeatureSize, hidden, classes, random);
        Encoder.to(compute.Device);
        Top.to(compute.Device);
        Encoder.ComputeType = compute.Type;
    }

    /// <summary>Reads a classifier that was saved, in evaluation mode.</summary>
    /// <exception cref="WclUsageException">There is no classifier in the file.</exception>
    public static ClassifierNetwork Load(string path, ComputeDevice compute)
    {
        using var content = SafetensorsFile.Read(path);
        var classifier = ClassifierFacts.Of(content, path);
        var network = new ClassifierNetwork(EncoderWeights.FactsOf(content, path), classifier.Hidden, classifier.ClassNames.Length, seed: 0, compute) { ClassNames = classifier.ClassNames };
        try
        {
            foreach (var (prefix, module) in network.Modules) ModuleWeights.Load(module, content.Tensors, prefix, path);
            network.Train(false);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    public ResNet Encoder { get; }

    public ClassifierTop Top { get; }

    private IEnumerable<(string Prefix, nn.Module Module)> Modules => [("", Encoder), ("", Top)];

    /// <summary>Names of the classes, in the order of the scores; empty where nobody gave them.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>Number of trained parameters.</summary>
    public long ParameterCount => Modules.SelectMany(part => part.Module.parameters()).Sum(parameter => parameter.numel());

    /// <summary>Parameters that a pretrained network brings along, those of the encoder and of the head's first layer, and those of the scores, which always start anew.</summary>
    public (IReadOnlyList<OptimizedParameter> Pretrained, IReadOnlyList<OptimizedParameter> Scores) Parameters =>
        (Optimizer.ParametersOf(Top.Head is { } head ? [("", Encoder), ("head.", head)] : [("", Encoder)]), Optimizer.ParametersOf(("fc.", Top.Scores)));

    /// <summary>Puts both parts into training or evaluation mode.</summary>
    public void Train(bool on)
    {
        Encoder.train(on);
        Top.train(on);
    }

    /// <summary>Scores of images, [N, 3, S, S] to [N, C]; the caller owns them.</summary>
    public Tensor Scores(Tensor images)
    {
        using var features = Encoder.call(images);
        return Top.call(features);
    }

    /// <summary>Computes in float32 from now on, as whoever uses its file does.</summary>
    public void UseFloat32() => Encoder.ComputeType = ScalarType.Float32;

    /// <summary>Share of images that get the highest score for their class, 0 to 1, and its mean over classes; images without a class do not count. The network's mode is afterwards what it was.</summary>
    public (double Share, double BalancedAccuracy) Accuracy(Augmenter preparation, ImageDataset images, CancellationToken cancellation, Action<long, long>? told = null)
    {
        bool training = Encoder.training;
        int[] predicted = Predict(preparation, images, cancellation, told);
        Train(training);
        return LabelledRows.Measure(predicted, images.Labels.ToArray());
    }

    /// <summary>The class with the highest score of each image, in evaluation mode, where it leaves the network.</summary>
    /// <param name="preparation">Crops and normalises.</param>
    /// <param name="images">What to classify.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <param name="told">Told the images that are done, and all of them; may be null.</param>
    public int[] Predict(Augmenter preparation, ImageDataset images, CancellationToken cancellation, Action<long, long>? told = null)
    {
        using var noGradient = no_grad();
        Train(false);
        var predicted = new List<int>(images.Count);
        foreach (var batch in BatchLoader.InOrder(images, EvaluationBatch))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using (batch)
            {
                var scores = Scores(preparation.Evaluate(ImageTensor.Of(batch, compute.Device)));
                predicted.AddRange(scores.argmax(1).cpu().data<long>().Select(c => (int)c));
            }

            told?.Invoke(predicted.Count, images.Count);
        }

        return [.. predicted];
    }

    /// <summary>Takes weights and buffers from a copy.</summary>
    public void Restore(IReadOnlyDictionary<string, Tensor> copy)
    {
        foreach (var (prefix, module) in Modules) ModuleWeights.Load(module, copy, prefix, "copy");
    }

    /// <summary>Writes the classifier: weights with torchvision's names, what is needed to use them, and the classes' names as metadata.</summary>
    public void Save(string path, EncoderFacts facts, IReadOnlyList<string> classNames)
    {
        var description = EncoderWeights.Describe(Encoder, facts.ImageSize, facts.Normalization);
        description["classes"] = JsonSerializer.Serialize(classNames);
        SafetensorsFile.Write(path, Named(), description);
    }

    /// <summary>Weights and buffers by name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => Modules.SelectMany(part => ModuleWeights.Of(part.Module, part.Prefix));

    public void Dispose()
    {
        Encoder.Dispose();
        Top.Dispose();
    }
}
