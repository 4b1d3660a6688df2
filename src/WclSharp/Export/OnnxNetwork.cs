using TorchSharp;
using WclSharp.Augmentation;
using WclSharp.Encoders;
using WclSharp.Inference;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Export;

/// <summary>
/// Writes a ResNet, and what is on top of it, into a graph: float32, in evaluation mode, each batch norm folded into the layer before it.
/// </summary>
/// <remarks>
/// gamma (W x + b - mean) / sqrt(var + eps) + beta = W' x + b' with W' = s W, b' = s (b - mean) + beta, s = gamma / sqrt(var + eps), computed in
/// float64. The normalisation of the input is no such layer: a convolution pads its input with zeros, which stand for the mean colour after
/// the normalisation and for black before it. So that stays in the graph as two operators.
/// </remarks>
/// <param name="graph">Where it is written.</param>
/// <param name="weights">Weights and buffers by name, the encoder's with torchvision's names.</param>
internal sealed class OnnxNetwork(OnnxGraph graph, IReadOnlyDictionary<string, Tensor> weights)
{
    /// <summary>Writes the encoder, from <c>pixels</c> to <c>features</c>.</summary>
    /// <param name="imageSize">S, side of the input.</param>
    /// <param name="featureSize">F, length of the features.</param>
    /// <param name="stem">First layers.</param>
    /// <param name="normalisation">Constants of the data set.</param>
    public void AddEncoder(int imageSize, int featureSize, EncoderStem stem, Normalisation normalisation)
    {
        string x = graph.Input(OnnxFacts.Pixels, [3, imageSize, imageSize], $"RGB, 0 to 255. {Preparation(imageSize)}");
        x = Normalise(x, normalisation);
        x = Relu(Convolution("conv1", "bn1", x, stem == EncoderStem.Small ? 1 : 2));
        if (stem == EncoderStem.ImageNet)
            x = graph.Node("MaxPool", "maxpool", [x], ("kernel_shape", new long[] { 3, 3 }), ("strides", new long[] { 2, 2 }), ("pads", new long[] { 1, 1, 1, 1 }));
        for (int stage = 1; stage <= 4; stage++)
            for (int block = 0; weights.ContainsKey($"layer{stage}.{block}.conv1.weight"); block++)
                x = Block($"layer{stage}.{block}.", x, stage > 1 && block == 0 ? 2 : 1);
        x = graph.Node("GlobalAveragePool", "avgpool", [x]);  // [N, F, 1, 1]
        graph.Node("Flatten", OnnxFacts.Features, [x], ("axis", 1L));
        graph.Output(OnnxFacts.Features, featureSize, "Features, not brought to unit length; their direction is what similarity is measured by.");
    }

    /// <summary>Writes a projection head, from <c>features</c> to <c>projection</c>.</summary>
    /// <param name="prefix">What its parameters' names begin with.</param>
    public void AddProjection(string prefix)
    {
        string x = Relu(Dense($"{prefix}linear1", $"{prefix}bn1", OnnxFacts.Features));
        x = Relu(Dense($"{prefix}linear2", $"{prefix}bn2", x));
        Dense($"{prefix}linear3", null, x, OnnxFacts.Projection);
        graph.Output(OnnxFacts.Projection, weights[$"{prefix}linear3.weight"].shape[0], "Output of the projection head, not brought to unit length.");
    }

    /// <summary>Writes what makes a classifier of the encoder, from <c>features</c> to <c>probabilities</c>.</summary>
    public void AddClassifier()
    {
        string x = weights.ContainsKey("head.linear1.weight") ? Relu(Dense("head.linear1", "head.bn1", OnnxFacts.Features)) : OnnxFacts.Features;
        graph.Node("Softmax", OnnxFacts.Probabilities, [Dense("fc", null, x)], ("axis", 1L));
        graph.Output(OnnxFacts.Probabilities, weights["fc.weight"].shape[0], "Probabilities of the classes that the metadata name, in their order.");
    }

    /// <summary>What has to happen to an image before it is the input, for those who do it themselves.</summary>
    private static string Preparation(int imageSize) => imageSize <= AugmentationRecipe.LargestSmallImage
        ? $"The whole image is resized to {imageSize} x {imageSize} by an antialiased triangle filter; one that is more than three times as long as wide is cut to its middle before."
        : $"The image is resized by an antialiased triangle filter so that its shorter side has {(int)Math.Round(imageSize * 256 / 224.0)} pixels, and cut to the middle {imageSize} x {imageSize}.";

    private string Normalise(string x, Normalisation normalisation)
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
        string shortcut = weights.ContainsKey($"{name}downsample.0.weight") ? Convolution($"{name}downsample.0", $"{name}downsample.1", x, stride) : x;
        string y = Relu(Convolution($"{name}conv1", $"{name}bn1", x, bottleneck ? 1 : stride));
        y = Convolution($"{name}conv2", $"{name}bn2", y, bottleneck ? stride : 1);
        if (bottleneck) y = Convolution($"{name}conv3", $"{name}bn3", Relu(y), 1);
        return Relu(graph.Node("Add", $"{name}add", [y, shortcut]));
    }

    private string Relu(string x) => graph.Node("Relu", $"{x}.relu", [x]);

    private string Convolution(string name, string norm, string x, long stride)
    {
        long[] shape = weights[$"{name}.weight"].shape; // [out, in, kernel, kernel]
        long kernel = shape[2], pad = kernel / 2;
        var (weight, bias) = Folded(name, norm);
        return graph.Node("Conv", name, [x, graph.Weight($"{name}.weight", shape, weight), graph.Weight($"{name}.bias", [shape[0]], bias)],
            ("kernel_shape", new[] { kernel, kernel }), ("strides", new[] { stride, stride }), ("pads", new[] { pad, pad, pad, pad }));
    }

    private string Dense(string name, string? norm, string x, string? output = null)
    {
        long[] shape = weights[$"{name}.weight"].shape; // [out, in]
        var (weight, bias) = Folded(name, norm);
        return graph.Node("Gemm", output ?? name, [x, graph.Weight($"{name}.weight", shape, weight), graph.Weight($"{name}.bias", [shape[0]], bias)], ("transB", 1L));
    }

    private (float[] Weight, float[] Bias) Folded(string layer, string? norm)
    {
        float[] weight = Values($"{layer}.weight"), bias = new float[weights[$"{layer}.weight"].shape[0]];
        if (weights.ContainsKey($"{layer}.bias")) bias = Values($"{layer}.bias");
        if (norm is null) return (weight, bias);
        float[] gamma = Values($"{norm}.weight"), beta = Values($"{norm}.bias"), mean = Values($"{norm}.running_mean"), variance = Values($"{norm}.running_var");
        int row = weight.Length / bias.Length;
        for (int o = 0; o < bias.Length; o++)
        {
            double scale = gamma[o] / Math.Sqrt(variance[o] + BatchNormalisation.Epsilon);
            bias[o] = (float)(scale * ((double)bias[o] - mean[o]) + beta[o]);
            foreach (ref float value in weight.AsSpan(o * row, row)) value = (float)(scale * value);
        }
        return (weight, bias);
    }

    private float[] Values(string name)
    {
        using var scope = NewDisposeScope();
        return weights[name].detach().cpu().to(ScalarType.Float32).contiguous().data<float>().ToArray();
    }
}
