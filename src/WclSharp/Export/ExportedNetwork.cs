using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Configuration;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Heads;
using WclSharp.Inference;
using WclSharp.Native;
using WclSharp.Randomness;
using WclSharp.Reporting;
using static TorchSharp.torch;

namespace WclSharp.Export;

/// <summary>An encoder and what is on top of it, if anything: a head of the run, or a classifier. In evaluation mode on the CPU.</summary>
internal sealed class ExportedNetwork : IDisposable
{
    private readonly ImageClassifier? classifier;
    private readonly ProjectionHead? head;
    private readonly string headPrefix = "";

    /// <param name="encoder">Owned from now on.</param>
    public ExportedNetwork(ImageEncoder encoder) => Encoder = encoder;

    private ExportedNetwork(ImageClassifier classifier) => (this.classifier, Encoder, TopSize) = (classifier, classifier.Encoder, classifier.ClassNames.Count);

    private ExportedNetwork(ImageEncoder encoder, ProjectionHead head, string headPrefix, int size) : this(encoder) => (this.head, this.headPrefix, TopSize) = (head, headPrefix, size);

    /// <summary>The encoder.</summary>
    public ImageEncoder Encoder { get; }

    /// <summary>Name of the output that what is on top makes; null where nothing is.</summary>
    public string? TopOutput => classifier is not null ? OnnxFacts.Probabilities : head is not null ? OnnxFacts.Projection : null;

    /// <summary>Length of that output; 0 where there is none.</summary>
    public int TopSize { get; }

    /// <summary>The weights that a path stands for: a file, a run's encoder, or the classifier of a folder that wcl finetune or wcl distill wrote.</summary>
    /// <exception cref="WclUsageException">A folder holds none.</exception>
    public static string FileOf(string source) =>
        File.Exists(Path.Combine(source, ResultNames.Classifier)) && !File.Exists(Path.Combine(source, ResultNames.Encoder)) ? ClassifierFacts.Find(source) : EncoderWeights.Find(source);

    /// <summary>Loads a run's encoder with one of its heads or none, or a file, which may hold a classifier.</summary>
    /// <exception cref="WclUsageException">There is none, or no such head.</exception>
    public static ExportedNetwork Load(string source, ExportHead? head)
    {
        if (head is { } which) return LoadWithHead(source, which);
        string file = FileOf(source);
        return ImageClassifier.IsIn(file) ? new ExportedNetwork(ImageClassifier.Load(file)) : new ExportedNetwork(ImageEncoder.Load(file));
    }

    /// <summary>Output of what is on top, from features [N, F] to [N, D] or [N, C] float32. The caller owns it.</summary>
    public Tensor Top(Tensor features)
    {
        if (classifier is null) return head!.call(features);
        using var scores = classifier.Top.call(features);
        return scores.softmax(1);
    }

    /// <summary>The content of its ONNX file.</summary>
    /// <param name="precision">The numbers in it.</param>
    /// <param name="ranges">Range of each value by its name (<see cref="ActivationRanges"/>), for int8.</param>
    public ProtoMessage ToOnnx(ExportPrecision precision = ExportPrecision.Fp32, IReadOnlyDictionary<string, ActivationRange>? ranges = null)
    {
        var graph = new OnnxGraph();
        return Write(graph, precision == ExportPrecision.Int8 ? new QuantizedArithmetic(graph, ranges!) : new FloatArithmetic(graph, half: precision == ExportPrecision.Fp16), precision);
    }

    /// <summary>The content of a float32 file that has what its layers make as outputs.</summary>
    /// <param name="names">These outputs.</param>
    public ProtoMessage ToObservedOnnx(out IReadOnlyList<string> names)
    {
        var graph = new OnnxGraph();
        var arithmetic = new FloatArithmetic(graph, half: false);
        names = arithmetic.Outputs;
        return Write(graph, arithmetic, ExportPrecision.Fp32, () => graph.Observe(arithmetic.Outputs.Where(name => name != OnnxFacts.Features)));
    }

    public void Dispose()
    {
        head?.Dispose();
        if (classifier is not null) classifier.Dispose();
        else Encoder.Dispose();
    }

    private ProtoMessage Write(OnnxGraph graph, OnnxArithmetic arithmetic, ExportPrecision precision, Action? more = null)
    {
        var weights = ModuleWeights.Of(Encoder.Network).ToDictionary(pair => pair.Name, pair => pair.Tensor);
        if (classifier is not null)
            foreach (var (name, tensor) in ModuleWeights.Of(classifier.Top)) weights[name] = tensor;
        if (head is not null)
            foreach (var (name, tensor) in ModuleWeights.Of(head, headPrefix)) weights[name] = tensor;

        var network = new OnnxNetwork(graph, arithmetic, weights);
        network.AddEncoder(Encoder.ImageSize, Encoder.FeatureSize, Encoder.Network.Stem, Encoder.Normalization);
        if (classifier is not null) network.AddClassifier();
        if (head is not null) network.AddProjection(headPrefix);
        more?.Invoke();

        var metadata = new OnnxFacts { ImageSize = Encoder.ImageSize, FeatureSize = Encoder.FeatureSize, ClassNames = classifier?.ClassNames ?? [] }.ToMetadata();
        // For people: the graph has all of it.
        foreach (var (key, value) in EncoderWeights.Describe(Encoder.Network, Encoder.ImageSize, Encoder.Normalization))
            if (key is not "format") metadata[key] = value;
        metadata["precision"] = OptionValue.NameOf(precision);
        return graph.ToModel(OptionValue.NameOf(Encoder.Network.Architecture), metadata);
    }

    /// <summary>Encoder and head of the last checkpoint: these belong together.</summary>
    private static ExportedNetwork LoadWithHead(string source, ExportHead which)
    {
        string name = which == ExportHead.Weak ? "weak" : "instance", prefix = $"{name}_head.";
        string? checkpoint = Directory.Exists(source) ? new CheckpointStore(RunFolder.CheckpointsOf(source)).Last : null;
        if (checkpoint is null) throw new WclUsageException($"--head {name}: heads are in a run's checkpoints, and '{source}' has none; give a run folder, or leave --head out.");
        string file = CheckpointStore.HeadsFile(checkpoint);
        using var content = SafetensorsFile.Read(file);
        if (!content.Tensors.TryGetValue($"{prefix}linear1.weight", out var first) || !content.Tensors.TryGetValue($"{prefix}linear3.weight", out var last))
            throw new WclUsageException($"--head {name}: this run has no {name} head; its method does without.");

        var encoder = ImageEncoder.Load(CheckpointStore.EncoderFile(checkpoint));
        ProjectionHead? head = null;
        try
        {
            if (first.dim() != 2 || last.dim() != 2 || first.size(1) != encoder.FeatureSize || last.size(1) != first.size(0))
                throw new WclUsageException($"'{file}' has a head of shapes {ShapeText.Of(first)} and {ShapeText.Of(last)} on {encoder.FeatureSize} features; it is damaged.");
            head = new ProjectionHead(encoder.FeatureSize, (int)first.size(0), (int)last.size(0), new ParameterInitializer(0));
            ModuleWeights.Load(head, content.Tensors, prefix, file);
            head.eval();
            return new ExportedNetwork(encoder, head, prefix, (int)last.size(0));
        }
        catch
        {
            head?.Dispose();
            encoder.Dispose();
            throw;
        }
    }
}
