using TorchSharp;
using TorchSharp.Modules;
using WclSharp.Randomness;
using static TorchSharp.torch;

namespace WclSharp.Heads;

/// <summary>Linear layer computed in the input's dtype, started as PyTorch's <c>nn.Linear</c> is: uniform in +-1/sqrt(fan in).</summary>
internal sealed class DenseLayer : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight, bias;

    public DenseLayer(int inputs, int outputs, ParameterInitializer random) : base(nameof(DenseLayer))
    {
        double bound = 1 / Math.Sqrt(inputs);
        weight = new Parameter(random.Uniform([outputs, inputs], bound));
        bias = new Parameter(random.Uniform([outputs], bound));
        foreach (var parameter in (Parameter[])[weight, bias]) parameter.DetachFromDisposeScope(); // a network outlives the caller's scope
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        if (x.dtype == weight.dtype) return nn.functional.linear(x, weight, bias);
        using var castWeight = weight.to(x.dtype);
        using var castBias = bias.to(x.dtype);
        return nn.functional.linear(x, castWeight, castBias);
    }
}
