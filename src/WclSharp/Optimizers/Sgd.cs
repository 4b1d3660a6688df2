using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>
/// Stochastic gradient descent with momentum: v = m v + (g + d w), w = w - lr v. Weight decay d is L2 and, as in PyTorch's
/// recipes for small images, applies to every parameter.
/// </summary>
internal sealed class Sgd(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double momentum = 0.9) : Optimizer(parameters)
{
    private static readonly jit.CompilationUnit Script = jit.compile("""
        def update(w: List[Tensor], g: List[Tensor], v: List[Tensor], momentum: float, decay: float, minus_rate: float) -> None:
            torch._foreach_mul_(v, momentum)
            torch._foreach_add_(v, g)
            torch._foreach_add_(v, w, alpha=decay)
            torch._foreach_add_(w, v, alpha=minus_rate)

        """);

    private readonly double kept = momentum, decayed = weightDecay;
    private readonly Scalar momentum = momentum, decay = weightDecay;
    private Scalar? minusRate;
    private double rate;

    protected override void Begin(double learningRate) => Renew(ref minusRate, -(rate = learningRate));

    protected override void Update(ParameterGroup group)
    {
        var momenta = States(group, "momentum");
        if (MomentumUpdate.TryApply(group.Weights, group.Gradients, momenta, kept, decayed, rate)) return;
        Script.invoke("update", group.Weights, group.Gradients, momenta, momentum, decay, minusRate!);
    }
}
