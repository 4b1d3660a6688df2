using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>What optimisers with momentum have in common: v = m v + g + d w, w = w - lr v (Sutskever et al. 2013, in PyTorch's form).</summary>
public abstract class MomentumOptimizer : Optimizer
{
    private static readonly jit.CompilationUnit Script = jit.compile("""
        def update(w: List[Tensor], g: List[Tensor], v: List[Tensor], momentum: float, decay: float, minus_rate: float) -> None:
            torch._foreach_mul_(v, momentum)
            torch._foreach_add_(v, g)
            if decay != 0.0:
                torch._foreach_add_(v, w, alpha=decay)
            torch._foreach_add_(w, v, alpha=minus_rate)

        """);

    private readonly double momentum;
    private double rate;

    private protected MomentumOptimizer(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double momentum)
        : base(parameters)
    {
        RequireNotNegative(weightDecay, nameof(weightDecay));
        RequireShare(momentum, nameof(momentum));
        this.momentum = momentum;
    }

    private protected sealed override IReadOnlyList<string> Kinds { get; } = ["momentum"];

    private protected sealed override void Begin(double learningRate) => rate = learningRate;

    /// <summary>Moves momenta and weights: in one pass over memory where they lie on the CPU, else by a script.</summary>
    /// <param name="group">The parameters.</param>
    /// <param name="decay">d, which is L2.</param>
    private protected void Move(ParameterGroup group, double decay)
    {
        var momenta = States(group, "momentum");
        if (MomentumUpdate.TryApply(group.Weights, group.Gradients, momenta, momentum, decay, rate)) return;
        using Scalar kept = momentum, decayed = decay, minusRate = -rate;
        Script.invoke("update", group.Weights, group.Gradients, momenta, kept, decayed, minusRate);
    }
}
