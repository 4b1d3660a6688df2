using WclSharp.Losses;
using WclSharp.Training;

namespace WclSharp.Methods;

/// <summary>
/// Supervised contrastive learning (Khosla et al. 2020, arXiv 2004.11362): the true classes in place of weak labels, the ceiling of
/// what those can reach.
/// </summary>
/// <remarks>
/// An image without a class is a class of its own: its one positive is its other view, and it is a negative to all others, as in SimCLR.
/// </remarks>
internal sealed class SupCon(PretrainOptions options) : Method
{
    public override MethodLosses Losses(MethodInput input)
    {
        var labels = SupConLoss.LabelsOf(input.Classes!);           // [N]
        var loss = SupConLoss.Forward(input.Z1, input.Z2!, labels, options.Temperature);
        return new MethodLosses(loss, loss) { Labels = labels };
    }
}
