using WclSharp.Losses;
using WclSharp.Training;

namespace WclSharp.Methods;

/// <summary>SimCLR (Chen et al. 2020, arXiv 2002.05709): the instance loss alone. It treats no two images as alike.</summary>
internal sealed class SimClr(PretrainOptions options) : Method
{
    public override MethodLosses Losses(MethodInput input)
    {
        var loss = InstanceLoss.Forward(input.Z1, input.Z2!, options.Temperature);
        return new MethodLosses(loss, loss);
    }
}
