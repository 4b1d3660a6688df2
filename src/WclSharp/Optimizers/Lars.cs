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
    : MomentumOptimizer(parameters, momentum)
{
    private static readonly jit.CompilationUnit Script = jit.compile("""
        def norms(t: List[Tensor]) -> Tensor:
            return torch.stack(torch._foreach_norm(t))

        def adapt(w: List[Tensor], g: List[Tensor], ratios: Tensor, decay: float) -> None:
            torch._foreach_add_(g, w, alpha=decay)
            torch._foreach_mul_(g, torch.unbind(ratios))

        """);

    private static readonly Scalar Zero = 0;
    private readonly Scalar decay = weightDecay, trust = trust;

    protected override void Update(ParameterGroup group)
    {
        if (group.Decayed) Adapt(group);
        Move(group, decay: 0);
    }

    /// <summary>The ratios are ordinary operators: a script's own arithmetic would be compiled for a GPU as it runs, which takes libraries that are not always there.</summary>
    private void Adapt(ParameterGroup group)
    {
        using var scope = NewDisposeScope();
        Tensor lengths = Script.invoke<Tensor>("norms", (object)group.Weights), slopes = Script.invoke<Tensor>("norms", (object)group.Gradients); // [layers]
        var ratios = lengths.mul(trust).div(slopes.add(lengths.mul(decay)));
        var moves = lengths.gt(Zero).logical_and(slopes.gt(Zero));
        Script.invoke("adapt", group.Weights, group.Gradients, where(moves, ratios, ones_like(ratios)), decay);
    }
}
