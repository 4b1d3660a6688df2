using WclSharp.Graphs;
using WclSharp.Losses;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>
/// False negative cancellation (Huynh et al. 2022, arXiv 2011.11765): negatives that look like an image's support, S further views of it,
/// leave the denominator (elimination) or become positives (attraction).
/// </summary>
internal sealed class FnCancel(PretrainOptions options) : Method
{
    public override MethodLosses Losses(MethodInput input)
    {
        var support = new Tensor[options.FnSupport!.Value];
        for (int s = 0; s < support.Length; s++) support[s] = input.Support(s); // [N, D] each
        var sets = FalseNegatives.Find(support, input.Z1, input.Z2!, options.FnScore!.Value, options.FnK, options.FnThreshold); // [2N, 2N]
        var loss = options.FnMode == FalseNegativeMode.Elimination
            ? RelationLoss.Eliminate(input.Z1, input.Z2!, sets, options.Temperature)
            : RelationLoss.Attract(input.Z1, input.Z2!, sets, options.Temperature);
        return new MethodLosses(loss, loss) { Sets = sets };
    }
}
