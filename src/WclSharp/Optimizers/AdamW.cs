using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019); biases and batch norm are not decayed.</summary>
internal sealed class AdamW(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
    : Optimizer(parameters)
{
    protected override void Update(int index, Tensor gradient, double learningRate)
    {
        var (_, parameter, decayed) = Parameters[index];
        var mean = State(index, "mean");
        var square = State(index, "square");
        if (decayed) parameter.mul_(1 - learningRate * weightDecay);
        mean.mul_(beta1).add_(gradient, 1 - beta1);
        square.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
        double correction1 = 1 - Math.Pow(beta1, Steps), correction2 = 1 - Math.Pow(beta2, Steps);
        var denominator = square.sqrt().div_(Math.Sqrt(correction2)).add_(epsilon);
        parameter.addcdiv_(mean, denominator, -learningRate / correction1);
    }
}
