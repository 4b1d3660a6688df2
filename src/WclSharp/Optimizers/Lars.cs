using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Optimizers;

/// <summary>
/// Layer-wise adaptive rate scaling over SGD with momentum (You et al. 2017), as the WCL authors' code and SimCLR's have it: weights use the gradient
/// h * trust |w| / |h|, where h = g + d w; biases and batch norm are neither decayed nor adapted.
/// </summary>
/// <remarks>
/// The paper's recipe: trust 0.001, momentum 0.9, weight decay 1e-6, no epsilon. A layer with a zero weight or gradient
/// norm is not scaled. You et al. write |g| + d |w| in the place of |h|, which is as much only where g and w are of one direction. The ratio stays on the device: no synchronisation.
/// </remarks>
public sealed class Lars : MomentumOptimizer
{
    private static readonly jit.CompilationUnit Script = jit.compile("""
        def norms(t: List[Tensor]) -> Tensor:
            return torch.stack(torch._foreach_norm(t))

        def decay(w: List[Tensor], g: List[Tensor], decay: float) -> None:
            torch._foreach_add_(g, w, alpha=decay)

        def adapt(g: List[Tensor], ratios: Tensor) -> None:
            torch._foreach_mul_(g, torch.unbind(ratios))

        """);

    private static readonly Scalar Zero = 0;
    private readonly Scalar decay, trust;

    /// <summary>Makes one.</summary>
    /// <param name="parameters">What it updates, each with a name of its own.</param>
    /// <param name="weightDecay">d, finite, 0 or more; of decayed parameters alone.</param>
    /// <param name="momentum">Momentum, 0 or more and below 1.</param>
    /// <param name="trust">Trust coefficient, finite and above 0.</param>
    /// <exception cref="ArgumentException">Two parameters have one name, or a number is out of its range; the message says which.</exception>
    public Lars(IReadOnlyList<OptimizedParameter> parameters, double weightDecay, double momentum = 0.9, double trust = 0.001)
        : base(parameters, weightDecay, momentum)
    {
        if (!(trust > 0 && double.IsFinite(trust))) throw new ArgumentOutOfRangeException(nameof(trust), trust, "Use a finite number above 0.");
        (decay, this.trust) = (weightDecay, trust);
    }

    private protected override void Update(ParameterGroup group)
    {
        if (group.Decayed) Adapt(group);
        Move(group, decay: 0);
    }

    /// <summary>The ratios are ordinary operators: a script's own arithmetic would be compiled for a GPU as it runs, which takes libraries that are not always there.</summary>
    private void Adapt(ParameterGroup group)
    {
        using var scope = NewDisposeScope();
        Script.invoke("decay", group.Weights, group.Gradients, decay);
        Tensor lengths = Script.invoke<Tensor>("norms", (object)group.Weights), slopes = Script.invoke<Tensor>("norms", (object)group.Gradients); // [layers]
        var moves = lengths.gt(Zero).logical_and(slopes.gt(Zero));
        Script.invoke("adapt", group.Gradients, where(moves, lengths.mul(trust).div(slopes), ones_like(slopes)));
    }
}
