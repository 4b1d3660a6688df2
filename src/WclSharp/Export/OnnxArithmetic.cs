namespace WclSharp.Export;

/// <summary>
/// In which numbers an ONNX file holds a network's weights and computes its layers. <see cref="OnnxNetwork"/> says which layers there are; what
/// it is handed back are names of values, which only the same arithmetic can read.
/// </summary>
/// <param name="graph">Where the layers are written.</param>
internal abstract class OnnxArithmetic(OnnxGraph graph)
{
    /// <summary>Where the layers are written.</summary>
    protected OnnxGraph Graph { get; } = graph;

    /// <summary>A float32 value as layers take it.</summary>
    public abstract string Enter(string x);

    /// <summary>The output of a layer as float32.</summary>
    public abstract string Leave(string x);

    /// <summary>A convolution, and what is negative set to zero where wanted.</summary>
    /// <param name="name">Name of the layer.</param>
    /// <param name="x">[N, in, H, W].</param>
    /// <param name="layer">Weight [out, in, kernel, kernel] and bias [out].</param>
    /// <param name="stride">Pixels from one output to the next.</param>
    /// <param name="relu">Whether a ReLU follows.</param>
    public abstract string Convolution(string name, string x, OnnxLayer layer, long stride, bool relu);

    /// <summary>A fully connected layer with a ReLU, from [N, in] to [N, out].</summary>
    public abstract string Dense(string name, string x, OnnxLayer layer);

    /// <summary>A fully connected layer whose output leaves as float32, under the layer's name or another.</summary>
    public abstract string LastDense(string name, string x, OnnxLayer layer, string? output = null);

    /// <summary>The sum of two values, and its ReLU.</summary>
    public abstract string Sum(string name, string a, string b);

    /// <summary>Largest values of 3 x 3 pixels, every second pixel.</summary>
    public abstract string MaxPool(string name, string x);

    /// <summary>Attributes of a convolution that keeps the size but for the stride.</summary>
    protected static (string Name, object Value)[] Geometry(long kernel, long stride)
    {
        long pad = kernel / 2;
        return [("kernel_shape", new[] { kernel, kernel }), ("strides", new[] { stride, stride }), ("pads", new[] { pad, pad, pad, pad })];
    }
}

/// <summary>A layer's numbers with the batch norm after it folded in.</summary>
/// <param name="Shape">Dimensions of the weight, [out, in] or [out, in, kernel, kernel].</param>
/// <param name="Weight">The weight, a row for each output.</param>
/// <param name="Bias">[out].</param>
internal sealed record OnnxLayer(long[] Shape, float[] Weight, float[] Bias);
