namespace WclSharp.Optimizers;

/// <summary>
/// Stochastic gradient descent with momentum: v = m v + (g + d w), w = w - lr v. Weight decay d is L2 and, as in PyTorch's
/// recipes for small images, applies to every parameter.
/// </summary>
internal sealed class Sgd(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double momentum = 0.9) : MomentumOptimizer(parameters, momentum)
{
    protected override void Update(ParameterGroup group) => Move(group, weightDecay);
}
