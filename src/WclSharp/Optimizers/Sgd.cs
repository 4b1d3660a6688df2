using TorchSharp;
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

    private readonly Scalar momentum = momentum, decay = weightDecay;
    private Scalar? minusRate;

    protected override void Begin(double learningRate) => Renew(ref minusRate, -learningRate);

    protected override void Update(ParameterGroup group) =>
        Script.invoke("update", group.Weights, group.Gradients, States(group, "momentum"), momentum, decay, minusRate!);
}
