using WclSharp.Graphs;
using WclSharp.Losses;
using WclSharp.Training;

namespace WclSharp.Methods;

/// <summary>
/// AdpCLR (Zhang 2021): SimCLR for a first part of the run, then each row's own view and its K nearest rows of other images in the
/// batch as positives.
/// </summary>
/// <remarks>
/// K and the length of the first part are ours to choose: a row's one nearest, as in WCL's graph, and half the run. The
/// loss over the positives is SupCon's form (<see cref="RelationLoss.Attract"/>).
/// </remarks>
internal sealed class AdpClr(PretrainOptions options) : Method
{
    public override MethodLosses Losses(MethodInput input)
    {
        if (input.Done < options.AdpClrStart)
        {
            var simClr = InstanceLoss.Forward(input.Z1, input.Z2!, options.Temperature);
            return new MethodLosses(simClr, simClr);
        }
        var sets = NearestSets.OfOtherImages(input.Z1, input.Z2!, options.AdpClrK!.Value); // [2N, 2N]
        var loss = RelationLoss.Attract(input.Z1, input.Z2!, sets, options.Temperature);
        return new MethodLosses(loss, loss) { Sets = sets };
    }
}
