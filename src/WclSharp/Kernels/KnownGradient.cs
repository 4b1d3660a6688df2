using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// A scalar whose gradient was found with it. Losses end the graph but for a factor, so the backward pass only multiplies by what comes from above,
/// and nothing that led to the gradient is kept.
/// </summary>
internal sealed class KnownGradient : autograd.SingleTensorFunction<KnownGradient>
{
    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers
    [ThreadStatic] private static autograd.AutogradContext? applied;

    private sealed record Terms(Tensor Value, Tensor?[] Gradients);

    /// <inheritdoc/>
    public override string Name => nameof(KnownGradient);

    /// <summary>Joins a value to the graph of its inputs.</summary>
    /// <param name="value">Scalar without a gradient.</param>
    /// <param name="inputs">What it was computed from.</param>
    /// <param name="gradients">Its gradient to each input, of the input's shape; null for none. Overwritten by the backward pass, which can run once.</param>
    /// <returns>Scalar; the caller owns it. The value itself where no gradient is given.</returns>
    public static Tensor Attach(Tensor value, Tensor[] inputs, Tensor?[] gradients)
    {
        if (gradients.All(gradient => gradient is null)) return value.alias();
        if (value.device_type != DeviceType.CPU) return ByOperators(value, inputs, gradients);
        var joined = apply([.. inputs, new Terms(value, gradients)]);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return joined;
    }

    /// <summary>The same where the engine would call back on threads of its own: value + s - s, with s = sum of x . g over the inputs, whose gradient is g.</summary>
    internal static Tensor ByOperators(Tensor value, Tensor[] inputs, Tensor?[] gradients)
    {
        using var scope = NewDisposeScope();
        var slope = zeros_like(value);
        for (int i = 0; i < inputs.Length; i++)
            if (gradients[i] is { } gradient) slope = slope.add(inputs[i].mul(gradient).sum(), One);
        return slope.sub(slope.detach()).add(value, One).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        applied = context;
        var (value, gradients) = (Terms)arguments[^1];
        context.save_for_backward([.. gradients.OfType<Tensor>()]);
        context.save_data("given", gradients.Select(gradient => gradient is not null).ToArray());
        return value.alias();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext context, Tensor outputGradient) =>
        BackwardErrors.Hold(() => Gradients(context, outputGradient));

    private static List<Tensor> Gradients(autograd.AutogradContext context, Tensor outputGradient)
    {
        AutogradMemory.FreeReturned();
        using var noGradient = no_grad();
        var saved = BackwardErrors.Saved(context);
        foreach (var gradient in saved) gradient.mul_(outputGradient);
        var given = (bool[])context.get_data("given");
        var returned = new Tensor?[given.Length + 1]; // the last is for the terms
        for (int i = 0, s = 0; i < given.Length; i++)
            if (given[i]) returned[i] = saved[s++];
        outputGradient.Dispose();
        context.Dispose(); // what was saved, now and not with the graph
        return AutogradMemory.Return(returned);
    }
}
