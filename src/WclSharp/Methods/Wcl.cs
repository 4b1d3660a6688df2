using TorchSharp;
using WclSharp.Losses;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>
/// WCL (Zheng et al. 2021, arXiv 2110.04770): L_inst on one head plus beta L_weak on another. The weak labels are the connected
/// components of each view's nearest-neighbour graph, and each view learns from the other's.
/// </summary>
internal class Wcl(PretrainOptions options) : Method
{
    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers

    public override bool HasWeakHead => true;

    public override bool HasWeakLoss => true;

    public override MethodLosses Losses(MethodInput input) => Losses(input, input.V1!, input.V2!, swap: true);

    /// <summary>Both losses, the weak one on given projections.</summary>
    /// <param name="input">The step.</param>
    /// <param name="v1">What the first view's graph and weak loss are made of, [N, D].</param>
    /// <param name="v2">The same of the second view.</param>
    /// <param name="swap">True: L(V1, y2) and L(V2, y1). False: L(V1, y1) and L(V2, y2).</param>
    protected MethodLosses Losses(MethodInput input, Tensor v1, Tensor v2, bool swap)
    {
        var instance = InstanceLoss.Forward(input.Z1, input.Z2!, options.Temperature);
        var (weak, labels1, labels2) = WeakLoss.OfGraphs(v1, v2, options.Temperature, options.WeakKeys != WeakKeys.Full, swap);
        using Scalar beta = WeakWeight.At(options, input.Done);
        return new MethodLosses(instance.add(weak.mul(beta), One), instance)
        {
            Weak = weak,
            Labels = labels1,
            ViewLabels = swap ? (labels2, labels1) : (labels1, labels2),
        };
    }
}
