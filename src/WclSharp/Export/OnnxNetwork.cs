using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Data;
using WclSharp.Encoders;
using WclSharp.Inference;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Export;

/// <summary>
/// Writes a ResNet, and what is on top of it, into a graph: in evaluation mode, each batch norm folded into the layer before it.
/// </summary>
/// <remarks>
/// gamma (W x + b - mean) / sqrt(var + eps) + beta = W' x + b' with W' = s W, b' = s (b - mean) + beta, s = gamma / sqrt(var + eps), computed in
/// float64. The normalisation of the input is no such layer: a convolution pads its input with zeros, which stand for the mean colour after
/// the normalisation and for black before it. So that stays in the graph as two operators.
/// </remarks>
/// <param name="graph">Where it is written.</param>
/// <param name="arithmetic">The numbers that its layers compute in.</param>
/// <param name="weights">Weights and buffers by name, the encoder's with torchvision's names.</param>
internal sealed class OnnxNetwork(OnnxGraph graph, OnnxArithmetic arithmetic, IReadOnlyDictionary<string, Tensor> weights)
{
    /// <summary>Writes the encoder, from <c>pixels</c> to <c>features</c>.</summary>
    /// <param name="imageSize">S, side of the input.</param>
    /// <param name="featureSize">F, length of the features.</param>
    /// <param name="stem">First layers.</param>
    /// <param name="normalisation">Constants of the data set.</param>
    public void AddEncoder(int imageSize, int featureSize, EncoderStem stem, Normalization normalisation)
    {
        string x = graph.Input(OnnxFacts.Pixels, [3, imageSize, imageSize], $"RGB, 0 to 255. {Preparation(imageSize)}");
        x = arithmetic.Enter(Normalise(x, normalisation));
        x = Convolution("conv1", "bn1", x, stem == EncoderStem.Small ? 1 : 2, relu: true);
        if (stem == EncoderStem.ImageNet) x = arithmetic.MaxPool("maxpool", x);
        for (int stage = 1; stage <= 4; stage++)
            for (int block = 0; weights.ContainsKey($"layer{stage}.{block}.conv1.weight"); block++)
                x = Block($"layer{stage}.{block}.", x, stage > 1 && block == 0 ? 2 : 1);
        x = graph.Node("GlobalAveragePool", "avgpool", [arithmetic.Leave(x)]);  // [N, F, 1, 1]; float32, as its input may be
        graph.Node("Flatten", OnnxFacts.Features, [x], ("axis", 1L));
        graph.Output(OnnxFacts.Features, featureSize, "Features, not brought to unit length; their direction is what similarity is measured by.");
    }

    /// <summary>Writes a projection head, from <c>features</c> to <c>projection</c>.</summary>
    /// <param name="prefix">What its parameters' names begin with.</param>
    public void AddProjection(string prefix)
    {
        string x = arithmetic.Enter(OnnxFacts.Features);
        x = arithmetic.Dense($"{prefix}linear1", x, Folded($"{prefix}linear1", $"{prefix}bn1"));
        x = arithmetic.Dense($"{prefix}linear2", x, Folded($"{prefix}linear2", $"{prefix}bn2"));
        arithmetic.LastDense($"{prefix}linear3", x, Folded($"{prefix}linear3", null), OnnxFacts.Projection);
        graph.Output(OnnxFacts.Projection, weights[$"{prefix}linear3.weight"].size(0), "Output of the projection head, not brought to unit length.");
    }

    /// <summary>Writes what makes a classifier of the encoder, from <c>features</c> to <c>probabilities</c>.</summary>
    public void AddClassifier()
    {
        string x = arithmetic.Enter(OnnxFacts.Features);
        if (weights.ContainsKey("head.linear1.weight")) x = arithmetic.Dense("head.linear1", x, Folded("head.linear1", "head.bn1"));
        graph.Node("Softmax", OnnxFacts.Probabilities, [arithmetic.LastDense("fc", x, Folded("fc", null))], ("axis", 1L));
        graph.Output(OnnxFacts.Probabilities, weights["fc.weight"].size(0), "Probabilities of the classes that the metadata name, in their order.");
    }

    /// <summary>What has to happen to an image before it is the input, for those who do it themselves.</summary>
    private static string Preparation(int imageSize) => imageSize <= AugmentationRecipe.LargestSmallImage
        ? $"The whole image is resized to {imageSize} x {imageSize} by an antialiased triangle filter; one that is more than {StoredSize.MaxAspect} times as long as wide is cut to its middle before."
        : $"The image is resized by an antialiased triangle filter so that its shorter side has {EvaluationView.ShorterSide(imageSize)} pixels, and cut to the middle {imageSize} x {imageSize}.";

    private string Normalise(string x, Normalization normalisation)
    {
        int[] channels = [0, 1, 2];
        string mean = graph.Weight("mean", [1, 3, 1, 1], Array.ConvertAll(channels, c => (float)(255.0 * normalisation.MeanOf(c))));
        string scale = graph.Weight("scale", [1, 3, 1, 1], Array.ConvertAll(channels, c => (float)(1 / (255.0 * normalisation.StdOf(c)))));
        return graph.Node("Mul", "normalised", [graph.Node("Sub", "centred", [x, mean]), scale]);
    }

    /// <summary>A basic or a bottleneck block, whichever the weights are of.</summary>
    private string Block(string name, string x, int stride)
    {
        bool bottleneck = weights.ContainsKey($"{name}conv3.weight");
        string shortcut = weights.ContainsKey($"{name}downsample.0.weight") ? Convolution($"{name}downsample.0", $"{name}downsample.1", x, stride, relu: false) : x;
        string y = Convolution($"{name}conv1", $"{name}bn1", x, bottleneck ? 1 : stride, relu: true);
        y = Convolution($"{name}conv2", $"{name}bn2", y, bottleneck ? stride : 1, relu: bottleneck);
        if (bottleneck) y = Convolution($"{name}conv3", $"{name}bn3", y, 1, relu: false);
        return arithmetic.Sum($"{name}add", y, shortcut);
    }

    private string Convolution(string name, string norm, string x, long stride, bool relu) => arithmetic.Convolution(name, x, Folded(name, norm), stride, relu);

    private OnnxLayer Folded(string layer, string? norm)
    {
        long[] shape = weights[$"{layer}.weight"].shape;
        float[] weight = Values($"{layer}.weight"), bias = new float[shape[0]];
        if (weights.ContainsKey($"{layer}.bias")) bias = Values($"{layer}.bias");
        if (norm is null) return new(shape, weight, bias);
        float[] gamma = Values($"{norm}.weight"), beta = Values($"{norm}.bias"), mean = Values($"{norm}.running_mean"), variance = Values($"{norm}.running_var");
        int row = weight.Length / bias.Length;
        for (int o = 0; o < bias.Length; o++)
        {
            double scale = gamma[o] / Math.Sqrt(variance[o] + BatchNormalization.Epsilon);
            bias[o] = (float)(scale * ((double)bias[o] - mean[o]) + beta[o]);
            foreach (ref float value in weight.AsSpan(o * row, row)) value = (float)(scale * value);
        }
        return new(shape, weight, bias);
    }

    private float[] Values(string name)
    {
        using var scope = NewDisposeScope();
        return weights[name].detach().cpu().to(ScalarType.Float32).contiguous().data<float>().ToArray();
    }
}
