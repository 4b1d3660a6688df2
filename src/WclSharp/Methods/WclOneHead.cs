using WclSharp.Training;

namespace WclSharp.Methods;

/// <summary>WCL with one head that both losses and the graph work on: what the second head is compared with.</summary>
internal sealed class WclOneHead(PretrainOptions options) : Wcl(options)
{
    public override bool HasWeakHead => false;

    public override MethodLosses Losses(MethodInput input) => Losses(input, input.Z1, input.Z2!, swap: true);
}
