using WclSharp.Export;
using WclSharp.Inference;
using WclSharp.Randomness;

namespace WclSharp.Tests.Export;

/// <summary>A classifier of a few kilobytes with every operator that exported files have.</summary>
internal static class TinyOnnx
{
    public const int ImageSize = 8, Features = 4;

    /// <summary>A range for every value of the network, wide enough for its inputs.</summary>
    public static readonly Dictionary<string, ActivationRange> Ranges = new()
    {
        ["pixels"] = new(0, 255),
        ["c1.relu"] = new(0, 300),
        ["c2"] = new(-300, 300),
        ["add.relu"] = new(0, 400),
        [OnnxFacts.Features] = new(0, 400),
        ["d1.relu"] = new(0, 500),
    };

    /// <summary>The content of a file.</summary>
    public static byte[] File(ExportPrecision precision)
    {
        var graph = new OnnxGraph();
        OnnxArithmetic arithmetic = precision == ExportPrecision.Int8 ? new QuantizedArithmetic(graph, Ranges) : new FloatArithmetic(graph, precision == ExportPrecision.Fp16);
        string x = arithmetic.Enter(graph.Input(OnnxFacts.Pixels, [3, ImageSize, ImageSize], ""));
        x = arithmetic.MaxPool("pool", arithmetic.Convolution("c1", x, Layer(1, 4, 3, 3, 3), 1, relu: true));
        x = arithmetic.Sum("add", arithmetic.Convolution("c2", x, Layer(2, 4, 4, 1, 1), 1, relu: false), x);
        graph.Node("Flatten", OnnxFacts.Features, [graph.Node("GlobalAveragePool", "mean", [arithmetic.Leave(x)])], ("axis", 1L));
        x = arithmetic.Dense("d1", arithmetic.Enter(OnnxFacts.Features), Layer(3, 6, 4));
        graph.Node("Softmax", OnnxFacts.Probabilities, [arithmetic.LastDense("fc", x, Layer(4, 2, 6))], ("axis", 1L));
        graph.Output(OnnxFacts.Features, Features, "");
        graph.Output(OnnxFacts.Probabilities, 2, "");
        using var stream = new MemoryStream();
        graph.ToModel("tiny", new OnnxFacts { ImageSize = ImageSize, FeatureSize = Features, ClassNames = ["one", "two"] }.ToMetadata()).WriteTo(stream);
        return stream.ToArray();
    }

    /// <summary>A layer of random numbers.</summary>
    public static OnnxLayer Layer(long seed, params long[] shape)
    {
        int length = (int)shape.Aggregate((a, b) => a * b), inputs = length / (int)shape[0];
        return new(shape, Numbers(seed, length, 1.5 / Math.Sqrt(inputs)), Numbers(seed + 100, (int)shape[0], 5));
    }

    /// <summary>Random numbers from minus to plus a limit.</summary>
    public static float[] Numbers(long seed, int count, double limit)
    {
        var random = new CounterRandom(seed, RandomPurpose.Evaluation);
        return [.. Enumerable.Range(0, count).Select(i => (float)((random.Words(0, (uint)i, 0, 0).A / (double)uint.MaxValue * 2 - 1) * limit))];
    }
}
