namespace WclSharp.Export;

/// <summary>
/// Computes in float32. Weights are float32 as well, or half precision that a Cast makes float32 again, which ONNX Runtime does once, when it
/// loads the file: on CPUs it has no half-precision convolution, and would cast every activation there and back.
/// </summary>
/// <param name="graph">Where the layers are written.</param>
/// <param name="half">Whether weights are stored as half precision; biases stay float32.</param>
internal sealed class FloatArithmetic(OnnxGraph graph, bool half) : OnnxArithmetic(graph)
{
    private const long Float32 = 1;
    private readonly List<string> outputs = [];

    /// <summary>Values that <see cref="QuantizedArithmetic"/> stores as integers, in their order: what has to be known the range of.</summary>
    public IReadOnlyList<string> Outputs => outputs;

    public override string Enter(string x) => Observed(x);

    public override string Leave(string x) => x;

    public override string Convolution(string name, string x, OnnxLayer layer, long stride, bool relu)
    {
        string y = Graph.Node("Conv", name, [x, Weight(name, layer), Bias(name, layer)], Geometry(layer.Shape[2], stride));
        return Observed(relu ? Relu(y) : y);
    }

    public override string Dense(string name, string x, OnnxLayer layer) => Observed(Relu(LastDense(name, x, layer)));

    public override string LastDense(string name, string x, OnnxLayer layer, string? output = null) => Graph.Node("Gemm", output ?? name, [x, Weight(name, layer), Bias(name, layer)], ("transB", 1L));

    public override string Sum(string name, string a, string b) => Observed(Relu(Graph.Node("Add", name, [a, b])));

    // Its values are its input's: they need no range of their own.
    public override string MaxPool(string name, string x) => Graph.Node("MaxPool", name, [x], Geometry(3, 2));

    private string Relu(string x) => Graph.Node("Relu", $"{x}.relu", [x]);

    private string Weight(string name, OnnxLayer layer) => half
        ? Graph.Node("Cast", $"{name}.weight", [Graph.Weight($"{name}.weight.half", layer.Shape, Array.ConvertAll(layer.Weight, value => (Half)value))], ("to", Float32))
        : Graph.Weight($"{name}.weight", layer.Shape, layer.Weight);

    private string Bias(string name, OnnxLayer layer) => Graph.Weight($"{name}.bias", [layer.Shape[0]], layer.Bias);

    private string Observed(string x)
    {
        outputs.Add(x);
        return x;
    }
}
