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
    private static readonly jit.CompilationUnit Script = jit.compile("""
        def adapt(w: List[Tensor], g: List[Tensor], decay: float, trust: float) -> None:
            lengths = torch.stack(torch._foreach_norm(w))
            slopes = torch.stack(torch._foreach_norm(g))
            ratios = lengths * trust / (slopes + lengths * decay)
            ratios = torch.where((lengths > 0) & (slopes > 0), ratios, torch.ones_like(ratios))
            torch._foreach_add_(g, w, alpha=decay)
            torch._foreach_mul_(g, torch.unbind(ratios))

        def update(w: List[Tensor], g: List[Tensor], v: List[Tensor], momentum: float, minus_rate: float) -> None:
            torch._foreach_mul_(v, momentum)
            torch._foreach_add_(v, g)
            torch._foreach_add_(w, v, alpha=minus_rate)

        """);

    private readonly Scalar momentum = momentum, decay = weightDecay, trust = trust;
    private Scalar? minusRate;

    protected override void Begin(double learningRate) => Renew(ref minusRate, -learningRate);

    protected override void Update(ParameterGroup group)
    {
        if (group.Decayed) Script.invoke("adapt", group.Weights, group.Gradients, decay, trust);
        Script.invoke("update", group.Weights, group.Gradients, States(group, "momentum"), momentum, minusRate!);
    }
}
