namespace WclSharp.Export;

/// <summary>
/// Stores weights and what goes from layer to layer as 8-bit integers. Every layer is written in float32 between DequantizeLinear and
/// QuantizeLinear ("QDQ"): ONNX Runtime makes one integer operator of the three (QLinearConv and its like), and whoever does not gets the same numbers slowly.
/// </summary>
/// <remarks>
/// x = s (q - z). Activations: q from 0 to 255, one s and z for a value, from the range that was measured; zero is a whole number of steps, as padding
/// needs it. Weights: q from -127 to 127, z = 0, an s for each output channel c, max |W_c| / 127. Biases: 32 bits, s = s_x s_c, z = 0, so that they
/// add to the integer products. A ReLU is no operator: where the range begins at zero, z = 0, and what is below ends at the smallest integer.
/// Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference".
/// </remarks>
/// <param name="graph">Where the layers are written.</param>
/// <param name="ranges">Range of each value by its name in the float32 file.</param>
internal sealed class QuantizedArithmetic(OnnxGraph graph, IReadOnlyDictionary<string, ActivationRange> ranges) : OnnxArithmetic(graph)
{
    private const int LargestWeight = 127;
    private const double LargestBias = 1 << 30;    // room for the products
    private const double SmallestScale = 1e-18;    // the product of two is still a normal float32
    private readonly Dictionary<string, (string Scale, string Zero, float Step)> known = []; // of each integer value

    public override string Enter(string x) => Quantize(x, x);

    public override string Leave(string x) => Dequantize(x, $"{x}.float");

    public override string Convolution(string name, string x, OnnxLayer layer, long stride, bool relu) =>
        Quantize(Graph.Node("Conv", name, Operands(name, x, layer), Geometry(layer.Shape[2], stride)), relu ? $"{name}.relu" : name);

    public override string Dense(string name, string x, OnnxLayer layer) => Quantize(LastDense(name, x, layer), $"{name}.relu");

    public override string LastDense(string name, string x, OnnxLayer layer, string? output = null) => Graph.Node("Gemm", output ?? name, Operands(name, x, layer), ("transB", 1L));

    public override string Sum(string name, string a, string b) =>
        Quantize(Graph.Node("Add", name, [Dequantize(a, $"{name}.a"), Dequantize(b, $"{name}.b")]), $"{name}.relu");

    // The largest integer is the largest value's.
    public override string MaxPool(string name, string x)
    {
        known[name] = known[x];
        return Graph.Node("MaxPool", name, [x], Geometry(3, 2));
    }

    /// <summary>A layer's input, weight and bias as float32 values that come from integers.</summary>
    private string[] Operands(string name, string x, OnnxLayer layer)
    {
        double input = known[x].Step;
        int outputs = layer.Bias.Length, row = layer.Weight.Length / outputs;
        float[] weightScale = new float[outputs], biasScale = new float[outputs];
        var weight = new sbyte[layer.Weight.Length];
        var bias = new int[outputs];
        for (int c = 0; c < outputs; c++)
        {
            double largest = 0;
            foreach (float value in layer.Weight.AsSpan(c * row, row)) largest = Math.Max(largest, Math.Abs((double)value));
            // A channel of next to no weights has a scale that still lets its bias into 32 bits.
            weightScale[c] = (float)Math.Max(Math.Max(largest / LargestWeight, Math.Abs((double)layer.Bias[c]) / (input * LargestBias)), SmallestScale);
            biasScale[c] = (float)(input * weightScale[c]);
            for (int i = c * row; i < (c + 1) * row; i++) weight[i] = (sbyte)Math.Clamp(Math.Round(layer.Weight[i] / (double)weightScale[c]), -LargestWeight, LargestWeight);
            bias[c] = (int)Math.Round(layer.Bias[c] / (double)biasScale[c]);
        }

        string scale = Graph.Weight($"{name}.weight.scale", [outputs], weightScale), zero = Graph.Weight($"{name}.weight.zero", [outputs], new sbyte[outputs]);
        return
        [
            Dequantize(x, $"{name}.x"),
            Graph.Node("DequantizeLinear", $"{name}.weight", [Graph.Weight($"{name}.weight.int8", layer.Shape, weight), scale, zero], ("axis", 0L)),
            Graph.Node("DequantizeLinear", $"{name}.bias", [Graph.Weight($"{name}.bias.int32", [outputs], bias), Graph.Weight($"{name}.bias.scale", [outputs], biasScale)], ("axis", 0L)),
        ];
    }

    /// <summary>Makes integers of a float32 value.</summary>
    private string Quantize(string x, string ranged)
    {
        if (!ranges.TryGetValue(ranged, out var range)) throw new ArgumentException($"No range was measured for {ranged}.", nameof(ranged));
        var (step, zero) = range.Quantization;
        string name = $"{ranged}.uint8", scaleName = Graph.Weight($"{ranged}.scale", [], new[] { step }), zeroName = Graph.Weight($"{ranged}.zero", [], new[] { zero });
        known[name] = (scaleName, zeroName, step);
        return Graph.Node("QuantizeLinear", name, [x, scaleName, zeroName]);
    }

    // One for each reader: ONNX Runtime takes those into its integer operators that nobody else reads.
    private string Dequantize(string x, string output) => Graph.Node("DequantizeLinear", output, [x, known[x].Scale, known[x].Zero]);
}
