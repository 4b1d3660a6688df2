using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>
/// Stochastic gradient descent with momentum: v = m v + (g + d w), w = w - lr v. Weight decay d is L2 and, as in PyTorch's
/// recipes for small images, applies to every parameter.
/// </summary>
internal sealed class Sgd(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double momentum = 0.9) : Optimizer(parameters)
{
    private readonly Scalar momentum = momentum, decay = weightDecay, one = 1;
    private Scalar? minusRate;

    protected override void Begin(double learningRate) => Renew(ref minusRate, -learningRate);

    protected override void Update(int index, Tensor gradient)
    {
        var parameter = Parameters[index].Parameter;
        var velocity = State(index, "momentum");
        velocity.mul_(momentum).add_(gradient, one).add_(parameter, decay);
        parameter.add_(velocity, minusRate!);
    }
}
