using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Rows brought to unit length, y = x / |x|, as <c>nn.functional.normalize</c> does it, whose graph keeps x and whose backward pass makes half a dozen
/// tensors of its size. This keeps y, which the losses hold anyway: dx = (dy - y (y . dy)) / |x|.
/// </summary>
internal sealed class UnitRows : autograd.SingleTensorFunction<UnitRows>
{
    private static readonly Scalar LeastLength = 1e-12, Zero = 0, One = 1; // normalize's; made once: CONTRIBUTING, Numbers
    [ThreadStatic] private static autograd.AutogradContext? applied;
    [ThreadStatic] private static List<Tensor>? kept;

    /// <inheritdoc/>
    public override string Name => nameof(UnitRows);

    /// <summary>Rows of unit length; a row of zeros stays one.</summary>
    /// <param name="x">[N, D] floating point.</param>
    /// <returns>[N, D]; the caller owns it.</returns>
    public static Tensor Of(Tensor x)
    {
        if (!is_grad_enabled() || !x.requires_grad) return Divide(x).Unit;
        if (x.device_type != DeviceType.CPU) return nn.functional.normalize(x); // its engine calls back on threads of its own, and memory is not short
        var unit = apply(x);
        AutogradMemory.FreeSpareOutput(applied!);
        foreach (var tensor in kept!) tensor.Dispose(); // the graph has its own handles by now
        (applied, kept) = (null, null);
        return unit;
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        applied = context;
        var (unit, length) = Divide((Tensor)arguments[0]);
        kept = [unit.detach(), length]; // not the output itself, which a graph must not hold
        context.save_for_backward(kept);
        return unit;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext context, Tensor outputGradient) =>
        BackwardErrors.Hold(() => Gradients(context, outputGradient));

    private static List<Tensor> Gradients(autograd.AutogradContext context, Tensor outputGradient)
    {
        AutogradMemory.FreeReturned();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var saved = BackwardErrors.Saved(context);
        var (y, length) = (saved[0], saved[1]);
        var result = empty_like(y);
        foreach (var (start, count) in RowTiles.Of(y.size(0), y.size(1), y.dtype, y.device))
        {
            using var block = NewDisposeScope();
            var (dx, dy, unit, norm) = (result.narrow(0, start, count), outputGradient.narrow(0, start, count), y.narrow(0, start, count), length.narrow(0, start, count));
            // Where the length is replaced by the least it is no function of x.
            var along = dx.copy_(dy).mul_(unit).sum([1L], true).masked_fill_(norm.le(LeastLength), Zero); // [B, 1], y . dy
            dx.copy_(unit).mul_(along).neg_().add_(dy, One).div_(norm);
        }
        outputGradient.Dispose();
        foreach (var tensor in saved) tensor.Dispose();
        context.Dispose(); // what was saved, now and not with the graph
        return AutogradMemory.Return(result);
    }

    private static (Tensor Unit, Tensor Length) Divide(Tensor x)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var rows = x.detach();
        var length = rows.norm(1, keepdim: true).clamp_min_(LeastLength);   // [N, 1]
        return (rows.div(length).MoveToOuterDisposeScope(), length.MoveToOuterDisposeScope());
    }
}
