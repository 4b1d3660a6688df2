using TorchSharp;
using WclSharp.Checkpoints;
using WclSharp.Losses;
using WclSharp.Native;
using WclSharp.Neighbors;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>
/// WCL for small batches (ours; docs/wcl-bank.md): the graph spans all training images, on the encoder's features of unaugmented images,
/// and is made anew after every epoch; its groups come into batches together; the weak loss is SupCon's over both views with
/// groups in place of classes, and in the instance loss the images of a group are not negatives of each other. Until there is a graph it is WCL.
/// </summary>
/// <param name="options">Resolved options.</param>
/// <param name="images">N, training images.</param>
internal sealed class WclBank(PretrainOptions options, int images) : Method
{
    private const string Name = "bank.groups";
    private static readonly Scalar No = false; // made once: CONTRIBUTING, Numbers
    private readonly Wcl wcl = new(options);
    private Tensor? groups; // [N] int64 on the CPU
    private int[]? groupOf;

    public override bool HasWeakHead => true;

    public override bool HasWeakLoss => true;

    public override int[]? Groups => groupOf;

    public override MethodLosses Losses(MethodInput input)
    {
        if (groupOf is null) return wcl.Losses(input);
        var labels = SupConLoss.LabelsOf(Upload.To(input.Z1.device, input.Images.Select(image => (long)groupOf[image]).ToArray())); // [N]
        var instance = options.BankNegatives == BankNegatives.All
            ? InstanceLoss.Forward(input.Z1, input.Z2!, options.Temperature)
            : RelationLoss.Eliminate(input.Z1, input.Z2!, OthersOfGroup(labels), options.Temperature);
        var weak = SupConLoss.Forward(input.V1!, input.V2!, labels, options.Temperature, options.WeakKeys == WeakKeys.Detached);
        using Scalar beta = WeakWeight.At(options, input.Done);
        return new MethodLosses(instance.add(weak, beta), instance) { Weak = weak, Labels = labels, ViewLabels = (labels, labels) };
    }

    /// <summary>[2N, 2N] bool: rows of the other images of a row's group.</summary>
    private static Tensor OthersOfGroup(Tensor labels)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var same = labels.unsqueeze(1).eq(labels.unsqueeze(0));         // [N, N]
        same.diagonal().fill_(No);
        return same.repeat(2, 2).MoveToOuterDisposeScope();
    }

    public override void AfterEpoch(EpochEnd end)
    {
        if (end.Epochs < options.BankStart!.Value) return;
        using var features = end.Features();
        using var found = ImageGroups.Of(features, options.BankPairs!.Value, end.Progress, end.Cancellation);
        Take(found);
    }

    public override IReadOnlyList<(string Name, Tensor Tensor)> NamedState() => groups is null ? [] : [(Name, groups)];

    public override void Load(IReadOnlyDictionary<string, Tensor> saved)
    {
        if (!saved.ContainsKey(Name)) return; // saved before there was a graph
        Take(SavedTensors.Require(saved, Name, ScalarType.Int64, [images], "images"));
    }

    public override void Dispose()
    {
        groups?.Dispose();
        wcl.Dispose();
    }

    private void Take(Tensor found)
    {
        groups?.Dispose();
        groups = found.clone().DetachFromDisposeScope();
        groupOf = Array.ConvertAll(groups.data<long>().ToArray(), group => (int)group);
    }
}
