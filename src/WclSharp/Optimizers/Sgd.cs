namespace WclSharp.Optimizers;

/// <summary>
/// Stochastic gradient descent with momentum: v = m v + (g + d w), w = w - lr v. Weight decay d is L2 and, as in PyTorch's
/// recipes for small images, applies to every parameter, decayed or not.
/// </summary>
public sealed class Sgd : MomentumOptimizer
{
    private readonly double weightDecay;

    /// <summary>Makes one.</summary>
    /// <param name="parameters">What it updates, each with a name of its own.</param>
    /// <param name="weightDecay">d, finite, 0 or more; the <c>cifar</c> preset takes 5e-4.</param>
    /// <param name="momentum">m, 0 or more and below 1.</param>
    /// <exception cref="ArgumentException">Two parameters have one name, or a number is out of its range; the message says which.</exception>
    public Sgd(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double momentum = 0.9)
        : base(parameters, weightDecay, momentum) => this.weightDecay = weightDecay;

    private protected override void Update(ParameterGroup group) => Move(group, weightDecay);
}
