using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019); biases and batch norm are not decayed.</summary>
public sealed class AdamW : Optimizer
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

    private readonly double weightDecay, beta1, beta2;
    private readonly Scalar first, firstRest, second, secondRest, epsilon;
    private Scalar? keep, minusRate, secondCorrection;

    /// <summary>Makes one.</summary>
    /// <param name="parameters">What it updates, each with a name of its own.</param>
    /// <param name="weightDecay">Decay, finite, 0 or more, times the learning rate of a step; of decayed parameters alone.</param>
    /// <param name="beta1">Share of the mean gradient that a step keeps, 0 or more and below 1.</param>
    /// <param name="beta2">Share of the mean squared gradient that a step keeps, likewise.</param>
    /// <param name="epsilon">Added to the root of the mean squared gradient, finite and above 0: a gradient may always have been 0.</param>
    /// <exception cref="ArgumentException">Two parameters have one name, or a number is out of its range; the message says which.</exception>
    public AdamW(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
        : base(parameters)
    {
        RequireNotNegative(weightDecay, nameof(weightDecay));
        RequireShare(beta1, nameof(beta1));
        RequireShare(beta2, nameof(beta2));
        if (!(epsilon > 0 && double.IsFinite(epsilon))) throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "Use a finite number above 0.");
        (this.weightDecay, this.beta1, this.beta2) = (weightDecay, beta1, beta2);
        (first, firstRest, second, secondRest, this.epsilon) = (beta1, 1 - beta1, beta2, 1 - beta2, epsilon);
    }

    private protected override IReadOnlyList<string> Kinds { get; } = ["mean", "square"];

    private protected override void Begin(double learningRate)
    {
        Renew(ref keep, 1 - learningRate * weightDecay);
        Renew(ref minusRate, -learningRate / (1 - Math.Pow(beta1, Steps)));
        Renew(ref secondCorrection, Math.Sqrt(1 - Math.Pow(beta2, Steps)));
    }

    private protected override void Update(ParameterGroup group)
    {
        if (group.Decayed) Script.invoke("decay", group.Weights, keep!);
        Script.invoke("update", group.Weights, group.Gradients, States(group, "mean"), States(group, "square"), first, firstRest, second, secondRest,
            secondCorrection!, epsilon, minusRate!);
    }
}
