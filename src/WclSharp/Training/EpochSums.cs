using TorchSharp;
using WclSharp.Evaluation;
using WclSharp.Graphs;
using WclSharp.Methods;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Training;

/// <summary>
/// Sums over the steps of an epoch, kept on the device and read when somebody looks, since a read waits for the device.
/// Part of a checkpoint, so that a resumed epoch reports what an uninterrupted one does.
/// </summary>
internal sealed class EpochSums : IDisposable
{
    /// <summary>Names of the sums, in the order of <see cref="Values"/>.</summary>
    private enum Sum { Instance, Weak, Components, Largest, Pure, Known, Alignment, Uniformity, PairsRight, LabelledPairs, PairsOfAClass, PairsRelated, PairsOneWay, LocalInstance, LocalWeak, CropsRight, CropsJudged, Nmi, Ami, Compared, CropsOneWay, CropsRelated }

    // Made once: see ColourJitter.
    private static readonly Scalar One = 1;
    private static readonly int Kinds = Enum.GetValues<Sum>().Length;
    private const int KindsBeforeCropRelations = (int)Sum.CropsOneWay; // of checkpoints made before these were counted
    private readonly Tensor sums;
    private readonly bool weak;
    private readonly int? classCount;
    private readonly bool twoViews;
    private bool localInstance, localWeak; // whether a step of the epoch has had the term

    /// <param name="device">Where to sum.</param>
    /// <param name="weak">Whether there is a weak loss over components.</param>
    /// <param name="twoViews">Whether there are two views, which alignment is measured between.</param>
    /// <param name="classCount">Number of classes; null where none are known.</param>
    public EpochSums(Device device, bool weak, bool twoViews, int? classCount)
    {
        (this.weak, this.twoViews, this.classCount) = (weak, twoViews, classCount);
        sums = zeros(Kinds, dtype: ScalarType.Float64, device: device).DetachFromDisposeScope();
    }

    /// <summary>Steps summed.</summary>
    public int Steps { get; private set; }

    /// <summary>Everything summed, read from the device.</summary>
    public double[] Values
    {
        get
        {
            using var scope = NewDisposeScope();
            return [.. sums.cpu().data<double>()];
        }
    }

    /// <summary>Adds a step. No gradient.</summary>
    /// <param name="losses">What the method made of it.</param>
    /// <param name="input">What it was made of.</param>
    /// <param name="compare">Whether components are compared with classes as a whole, which is done on the host, and the relation of local crops is counted, which stays the same: once an epoch.</param>
    public void Add(MethodLosses losses, MethodInput input, bool compare = false)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var zero = zeros(1, dtype: ScalarType.Float64, device: sums.device);
        Tensor Summand(Tensor? value) => value is null ? zero : value.detach().to(ScalarType.Float64).reshape(1);

        var z1 = input.Z1.detach();                                                  // [N, D]
        var components = weak ? WeakLabelStatistics.Measure(losses.Labels!, input.Classes, classCount ?? 0) : null;
        sums.add_(cat([
            Summand(losses.Instance), Summand(losses.Weak), Summand(components?.Components), Summand(components?.LargestShare),
            Summand(components?.Pure), Summand(components?.Known), Summand(input.Z2 is { } z2 ? FeatureQuality.AlignmentOf(z1, z2.detach()) : null), Summand(FeatureQuality.UniformityOf(z1)), Pairs(losses, input.Classes),
            Summand(losses.LocalInstance), Summand(losses.LocalWeak), CropPairs(input), Agreement(compare ? losses.Labels : null, input.Classes), CropRelation(compare ? input.CropRelation : default)]), One);
        localInstance |= losses.LocalInstance is not null;
        localWeak |= losses.LocalWeak is not null;
        Steps++;
    }

    /// <summary>Counts of the method's relation, [5]; zeros where it has none.</summary>
    private Tensor Pairs(MethodLosses losses, Tensor? classes) =>
        losses.Labels is { } labels ? PairStatistics.OfPartition(labels, classes, classCount ?? 0)
        : losses.Sets is { } sets ? PairStatistics.OfSets(sets, classes)
        : zeros(PairStatistics.Length, dtype: ScalarType.Float64, device: sums.device);

    /// <summary>Counts of the images that local crops are cut from, [2].</summary>
    private Tensor CropPairs(MethodInput input) => Counts(input.CropPairs.Right, input.CropPairs.Judged);

    /// <summary>Counts of the pairs of images that local crops of the one may be cut from the other, [2].</summary>
    private Tensor CropRelation((long OneWay, long Related) relation) => Counts(relation.OneWay, relation.Related);

    private Tensor Counts(double part, double whole) => whole > 0
        ? Upload.To(sums.device, tensor([part, whole], ScalarType.Float64))
        : zeros(2, dtype: ScalarType.Float64, device: sums.device);

    /// <summary>NMI and AMI of a batch's components with its classes, and 1 for one more batch, [3]; zeros where it is not compared.</summary>
    private Tensor Agreement(Tensor? labels, Tensor? classes)
    {
        if (!weak || labels is null || classes is null) return zeros(3, dtype: ScalarType.Float64, device: sums.device);
        static int[] OnHost(Tensor tensor) => Array.ConvertAll(tensor.cpu().data<long>().ToArray(), i => (int)i);
        return ClusterAgreement.Of(OnHost(labels), OnHost(classes)) is { Nmi: { } nmi, Ami: { } ami }
            ? Upload.To(sums.device, tensor([nmi, ami, 1.0], ScalarType.Float64))
            : zeros(3, dtype: ScalarType.Float64, device: sums.device);
    }

    /// <summary>Means over the steps so far, as an epoch's metrics.</summary>
    public EpochMetrics Means()
    {
        if (Steps == 0) return new EpochMetrics();
        var values = Values;
        double Mean(Sum sum) => values[(int)sum] / Steps;
        double? Share(Sum part, Sum whole) => values[(int)whole] > 0 ? values[(int)part] / values[(int)whole] : null;
        return new EpochMetrics
        {
            InstanceLoss = Mean(Sum.Instance),
            WeakLoss = weak ? Mean(Sum.Weak) : null,
            LocalInstanceLoss = localInstance ? Mean(Sum.LocalInstance) : null,
            LocalWeakLoss = localWeak ? Mean(Sum.LocalWeak) : null,
            Components = weak ? Mean(Sum.Components) : null,
            LargestComponent = weak ? Mean(Sum.Largest) : null,
            Purity = Share(Sum.Pure, Sum.Known),
            Nmi = Share(Sum.Nmi, Sum.Compared),
            Ami = Share(Sum.Ami, Sum.Compared),
            PairPrecision = Share(Sum.PairsRight, Sum.LabelledPairs),
            LabelledPairs = values[(int)Sum.LabelledPairs] > 0 ? (long)values[(int)Sum.LabelledPairs] : null,
            PairRecall = Share(Sum.PairsRight, Sum.PairsOfAClass),
            CropPrecision = Share(Sum.CropsRight, Sum.CropsJudged),
            CropConflicts = Share(Sum.CropsOneWay, Sum.CropsRelated),
            Conflicts = Share(Sum.PairsOneWay, Sum.PairsRelated),
            Alignment = twoViews ? Mean(Sum.Alignment) : null,
            Uniformity = Mean(Sum.Uniformity),
        };
    }

    /// <summary>Starts an epoch anew.</summary>
    public void Clear() => Restore(new double[Kinds], 0);

    /// <summary>Takes sums from a checkpoint.</summary>
    public void Restore(double[] values, int steps)
    {
        if (values.Length == KindsBeforeCropRelations) Array.Resize(ref values, Kinds); // counted with the epoch's last step
        if (values.Length != Kinds) throw new WclUsageException($"The checkpoint holds {values.Length} sums where {Kinds} are known; it comes from another version.");
        using var saved = tensor(values);
        sums.copy_(saved);
        Steps = steps;
        // Checkpoints have sums alone; the epoch's next step says it for certain.
        (localInstance, localWeak) = (values[(int)Sum.LocalInstance] != 0, values[(int)Sum.LocalWeak] != 0);
    }

    public void Dispose() => sums.Dispose();
}
