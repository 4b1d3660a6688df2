using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019); biases and batch norm are not decayed.</summary>
internal sealed class AdamW(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
    : Optimizer(parameters)
{
    private static readonly jit.CompilationUnit Script = jit.compile("""
        def decay(w: List[Tensor], keep: float) -> None:
            torch._foreach_mul_(w, keep)

        def update(w: List[Tensor], g: List[Tensor], mean: List[Tensor], square: List[Tensor], first: float, first_rest: float, second: float, second_rest: float,
                   correction: float, epsilon: float, minus_rate: float) -> None:
            torch._foreach_mul_(mean, first)
            torch._foreach_add_(mean, g, alpha=first_rest)
            torch._foreach_mul_(square, second)
            torch._foreach_addcmul_(square, g, g, second_rest)
            deviation = torch._foreach_sqrt(square)
            torch._foreach_div_(deviation, correction)
            torch._foreach_add_(deviation, epsilon)
            torch._foreach_addcdiv_(w, mean, deviation, minus_rate)

        """);

    private readonly Scalar first = beta1, firstRest = 1 - beta1, second = beta2, secondRest = 1 - beta2, epsilon = epsilon;
    private Scalar? keep, minusRate, secondCorrection;

    protected override void Begin(double learningRate)
    {
        Renew(ref keep, 1 - learningRate * weightDecay);
        Renew(ref minusRate, -learningRate / (1 - Math.Pow(beta1, Steps)));
        Renew(ref secondCorrection, Math.Sqrt(1 - Math.Pow(beta2, Steps)));
    }

    protected override void Update(ParameterGroup group)
    {
        if (group.Decayed) Script.invoke("decay", group.Weights, keep!);
        Script.invoke("update", group.Weights, group.Gradients, States(group, "mean"), States(group, "square"), first, firstRest, second, secondRest,
            secondCorrection!, epsilon, minusRate!);
    }
}
