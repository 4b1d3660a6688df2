using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>
/// Layer-wise adaptive rate scaling over SGD with momentum (You et al. 2017): weights use the gradient
/// (g + d w) * trust |w| / (|g| + d |w|); biases and batch norm are neither decayed nor adapted.
/// </summary>
/// <remarks>
/// The paper's recipe: trust 0.001, momentum 0.9, weight decay 1e-6, no epsilon. A layer with a zero weight or gradient
/// norm is not scaled. The ratio stays on the device: no synchronisation.
/// </remarks>
internal sealed class Lars(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double momentum = 0.9, double trust = 0.001)
    : Optimizer(parameters)
{
    private readonly Scalar momentum = momentum, decay = weightDecay, trust = trust, one = 1, zero = 0;
    private Scalar? minusRate;

    protected override void Begin(double learningRate) => Renew(ref minusRate, -learningRate);

    protected override void Update(int index, Tensor gradient)
    {
        var (_, parameter, decayed) = Parameters[index];
        if (decayed)
        {
            var weightNorm = parameter.norm();
            var gradientNorm = gradient.norm();
            var ratio = weightNorm.mul(trust).div(gradientNorm.add(weightNorm, decay));
            ratio = where(weightNorm.gt(zero).logical_and(gradientNorm.gt(zero)), ratio, ones_like(ratio));
            gradient = gradient.add(parameter, decay).mul_(ratio);
        }
        var velocity = State(index, "momentum");
        velocity.mul_(momentum).add_(gradient, one);
        parameter.add_(velocity, minusRate!);
    }
}
