using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>
/// Stochastic gradient descent with momentum: v = m v + (g + d w), w = w - lr v. Weight decay d is L2 and, as in PyTorch's
/// recipes for small images, applies to every parameter.
/// </summary>
internal sealed class Sgd(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double momentum = 0.9) : Optimizer(parameters)
{
    protected override void Update(int index, Tensor gradient, double learningRate)
    {
        var parameter = Parameters[index].Parameter;
        var velocity = State(index, "momentum");
        velocity.mul_(momentum).add_(gradient);
        if (weightDecay != 0) velocity.add_(parameter, weightDecay);
        parameter.add_(velocity, -learningRate);
    }
}
