using TorchSharp;
using WclSharp.Losses;
using WclSharp.Neighbors;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Methods;

/// <summary>
/// A method with local crops beside its two global views (WCL paper, section 3.3; docs/multi-crop.md): the terms of
/// <see cref="MultiCropLoss"/> are added to its losses, and in KNN multi-crop the bank is filled as training goes.
/// </summary>
internal sealed class MultiCropMethod : Method
{
    private readonly Method method;
    private readonly PretrainOptions options;
    private readonly int own; // the first so many crops of an image are cut from itself
    private readonly NeighborCrops? neighbors;

    /// <param name="method">The method without local crops; disposed with this.</param>
    /// <param name="options">Resolved options.</param>
    /// <param name="images">Training images.</param>
    /// <param name="device">Where the bank lies.</param>
    public MultiCropMethod(Method method, PretrainOptions options, int images, Device device)
    {
        (this.method, this.options) = (method, options);
        own = options.MultiCrop == MultiCrop.Knn ? options.OwnCrops : options.LocalCrops;
        if (own == options.LocalCrops) return;
        var bank = options.CropNeighbors == CropNeighbors.Bank ? new EmbeddingBank(images, options.HeadOutput!.Value, device) : null;
        neighbors = new NeighborCrops(images, options.BankK, own, options.Seed, bank);
    }

    public override bool HasWeakHead => method.HasWeakHead;

    public override bool HasWeakLoss => method.HasWeakLoss;

    public override int[]? Groups => method.Groups;

    public override int[]? CropSources(int[] images, int epoch, int crop) => neighbors?.Sources(images, epoch, crop);

    public override (long OneWay, long Related) CropRelation => neighbors?.Relation ?? default;

    public override MethodLosses Losses(MethodInput input)
    {
        var losses = method.Losses(input);
        var (u, w) = input.ProjectLocal!(); // [M N, D] each
        // A neighbour is another instance, so its crops say nothing to the instance head.
        int images = input.Images.Count;
        var instance = own > 0 ? MultiCropLoss.Instance(u.narrow(0, 0, (long)own * images), input.Z1, input.Z2!, images, 0, options.Temperature) : null;
        var weak = losses.ViewLabels is { } labels ? Weak(input, w ?? u, labels) : null;

        var total = losses.Total;
        if (instance is not null) total = Plus(total, instance, options.LocalInstanceWeight);
        if (weak is not null) total = Plus(total, weak, options.LocalWeakWeight);
        return losses with { Total = total, LocalInstance = instance, LocalWeak = weak };
    }

    public override void AfterStep(MethodInput input)
    {
        method.AfterStep(input);
        neighbors?.Bank?.Write([.. input.Images], input.V1 ?? input.Z1);
    }

    public override void AfterEpoch(EpochEnd end)
    {
        method.AfterEpoch(end);
        neighbors?.FindNeighbors(end.Features, end.Progress, end.Cancellation);
    }

    public override IReadOnlyList<(string Name, Tensor Tensor)> NamedState() =>
        neighbors is null ? method.NamedState() : [.. method.NamedState(), .. neighbors.NamedState()];

    public override void Load(IReadOnlyDictionary<string, Tensor> saved)
    {
        method.Load(saved);
        neighbors?.Load(saved);
    }

    public override void Dispose()
    {
        neighbors?.Dispose();
        method.Dispose();
    }

    private Tensor? Weak(MethodInput input, Tensor crops, (Tensor First, Tensor Second) labels)
    {
        Tensor v1 = input.V1 ?? input.Z1, v2 = input.V2 ?? input.Z2!;
        if (options.WeakKeys != WeakKeys.Full) (v1, v2) = (v1.detach(), v2.detach());
        // Swapped takes each view's own graph and exchanges them; these are exchanged already where the method does so.
        return MultiCropLoss.Swapped(crops, v1, v2, labels.Second, labels.First, input.Images.Count, 0, options.Temperature);
    }

    private static Tensor Plus(Tensor total, Tensor term, double weight)
    {
        using Scalar factor = weight;
        return total.add(term, factor);
    }
}
