using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019); biases and batch norm are not decayed.</summary>
internal sealed class AdamW(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
    : Optimizer(parameters)
{
    private readonly Scalar first = beta1, firstRest = 1 - beta1, second = beta2, secondRest = 1 - beta2, epsilon = epsilon, one = 1;
    private Scalar? keep, minusRate, secondCorrection;

    protected override void Begin(double learningRate)
    {
        Renew(ref keep, 1 - learningRate * weightDecay);
        Renew(ref minusRate, -learningRate / (1 - Math.Pow(beta1, Steps)));
        Renew(ref secondCorrection, Math.Sqrt(1 - Math.Pow(beta2, Steps)));
    }

    protected override void Update(int index, Tensor gradient)
    {
        var (_, parameter, decayed) = Parameters[index];
        var mean = State(index, "mean");
        var square = State(index, "square");
        if (decayed) parameter.mul_(keep!);
        mean.mul_(first).add_(gradient, firstRest);
        square.mul_(second).addcmul_(gradient, gradient, secondRest);
        var denominator = square.sqrt().div_(secondCorrection!).add_(epsilon, one);
        parameter.addcdiv_(mean, denominator, minusRate!);
    }
}
