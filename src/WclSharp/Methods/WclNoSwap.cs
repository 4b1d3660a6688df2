using WclSharp.Training;

namespace WclSharp.Methods;

/// <summary>WCL whose views learn from their own labels, ( L(V1, y1) + L(V2, y2) ) / 2: what the swap is compared with.</summary>
internal sealed class WclNoSwap(PretrainOptions options) : Wcl(options)
{
    public override MethodLosses Losses(MethodInput input) => Losses(input, input.V1!, input.V2!, swap: false);
}
