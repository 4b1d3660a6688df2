using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Graphs;
using WclSharp.Losses;
using WclSharp.Methods;
using WclSharp.Training;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Methods;

/// <summary>A method's total is made of the losses' own functions, each with its own weight and temperature, so that an exchange shows.</summary>
public class MethodTotalsTests
{
    private const int N = 8, D = 5, Crops = 3;
    private const double T = 0.3, Beta = 0.6, LocalInstance = 0.2, LocalWeak = 0.7;

    private static readonly PretrainOptions Common = new() { Batch = N, HeadOutput = D, Temperature = T, Beta = Beta };

    private static Tensor Given(int rows, long seed) => ToTensor(Rows(rows, D, seed));

    private static MethodInput Input() => new()
    {
        Z1 = Given(N, 1),
        Z2 = Given(N, 2),
        V1 = Given(N, 11),
        V2 = Given(N, 12),
        Classes = tensor(Enumerable.Range(0, N).Select(i => (long)(i % 3)).ToArray()),
        Images = [.. Enumerable.Range(0, N)],
        Done = 1,
        ProjectInstance = number => Given(N, 100 + number),
        ProjectLocal = () => (Given(Crops * N, 21), Given(Crops * N, 22)),
    };

    private static MethodLosses LossesOf(PretrainOptions options, MethodInput input)
    {
        using var method = MethodFactory.Create(MethodDefaults.Fill(options), N, labels: true, CPU);
        return method.Losses(input);
    }

    [Theory]
    [InlineData(ContrastiveMethod.Wcl, Crops), InlineData(ContrastiveMethod.Wcl, 1), InlineData(ContrastiveMethod.Wcl, 0)] // crops of the image itself
    [InlineData(ContrastiveMethod.WclNoSwap, Crops), InlineData(ContrastiveMethod.WclOneHead, Crops), InlineData(ContrastiveMethod.SimClr, Crops)]
    public void LocalCrops_AddTheirTerms_EachByItsWeight(ContrastiveMethod kind, int own)
    {
        using var scope = NewDisposeScope();
        var input = kind is ContrastiveMethod.Wcl or ContrastiveMethod.WclNoSwap ? Input() : Input() with { V1 = null, V2 = null, ProjectLocal = () => (Given(Crops * N, 21), null) };
        var options = Common with
        {
            Method = kind,
            MultiCrop = own == Crops ? MultiCrop.Standard : MultiCrop.Knn,
            OwnCrops = own,
            LocalCrops = Crops,
            LocalInstanceWeight = LocalInstance,
            LocalWeakWeight = LocalWeak,
        };
        var losses = LossesOf(options, input);

        Tensor v1 = input.V1 ?? input.Z1, v2 = input.V2 ?? input.Z2!, u = Given(Crops * N, 21), w = kind == ContrastiveMethod.WclOneHead ? u : Given(Crops * N, 22);
        Tensor y1 = ConnectedComponents.OfNearestNeighbors(v1), y2 = ConnectedComponents.OfNearestNeighbors(v2);
        Assert.NotEqual(Partition.ByFirstMember(y1), Partition.ByFirstMember(y2));
        double instance = InstanceLoss.Forward(input.Z1, input.Z2!, T).ToDouble(), weak = 0, localInstance = 0, localWeak = 0;
        if (own > 0) localInstance = MultiCropLoss.Instance(u.narrow(0, 0, own * N), input.Z1, input.Z2!, N, 0, T)!.ToDouble();
        if (kind != ContrastiveMethod.SimClr)
        {
            var (first, second) = kind == ContrastiveMethod.WclNoSwap ? (y1, y2) : (y2, y1); // of the first view's rows, and of the second's
            weak = (WeakLoss.Forward(v1, v1, first, 0, T) + WeakLoss.Forward(v2, v2, second, 0, T)).ToDouble() / 2;
            localWeak = (MultiCropLoss.Weak(w, v1, first, N, 0, T)! + MultiCropLoss.Weak(w, v2, second, N, 0, T)!).ToDouble() / 2;
        }

        Assert.Equal(instance + Beta * weak + LocalInstance * localInstance + LocalWeak * localWeak, losses.Total.ToDouble(), 10);
        Assert.Equal((own > 0, kind != ContrastiveMethod.SimClr), (losses.LocalInstance is not null, losses.LocalWeak is not null));
        Assert.Equal(instance, losses.Instance.ToDouble(), 10);
        if (losses.LocalInstance is { } ofCrops) Assert.Equal(localInstance, ofCrops.ToDouble(), 10);
        if (losses.LocalWeak is { } ofWeakCrops) Assert.Equal(localWeak, ofWeakCrops.ToDouble(), 10);
    }

    [Theory]
    [InlineData(WeakKeys.Detached, false)]
    [InlineData(WeakKeys.Full, true)]
    public void LocalCrops_SendAGradientThroughTheWeakKeys_WhereTheseAreNotDetached(WeakKeys keys, bool flows)
    {
        using var scope = NewDisposeScope();
        var input = Input();
        input.V1!.requires_grad_();
        LossesOf(Common with { Beta = 0, WeakKeys = keys, MultiCrop = MultiCrop.Standard, LocalCrops = Crops }, input).Total.backward();
        Assert.Equal(flows, input.V1.grad!.abs().sum().ToDouble() > 1e-6);
    }

    [Theory]
    [InlineData(FalseNegativeMode.Elimination, SupportScore.Max, 2, null)]
    [InlineData(FalseNegativeMode.Elimination, SupportScore.Mean, null, 0.2)]
    [InlineData(FalseNegativeMode.Attraction, SupportScore.Max, 3, 0.1)]
    [InlineData(FalseNegativeMode.Attraction, SupportScore.Mean, 2, null)]
    public void FnCancel_IsItsModesLoss_OverTheSetsOfItsSupport(FalseNegativeMode mode, SupportScore score, int? k, double? threshold)
    {
        using var scope = NewDisposeScope();
        var input = Input();
        var losses = LossesOf(Common with { Method = ContrastiveMethod.FnCancel, FnMode = mode, FnScore = score, FnSupport = 4, FnK = k, FnThreshold = threshold }, input);

        Tensor[] support = [.. Enumerable.Range(0, 4).Select(input.Support)];
        Assert.NotEqual(support[0].data<double>().ToArray(), support[1].data<double>().ToArray());
        var sets = FalseNegatives.Find(support, input.Z1, input.Z2!, score, k, threshold);
        var (expected, other) = mode == FalseNegativeMode.Elimination
            ? (RelationLoss.Eliminate(input.Z1, input.Z2!, sets, T), RelationLoss.Attract(input.Z1, input.Z2!, sets, T))
            : (RelationLoss.Attract(input.Z1, input.Z2!, sets, T), RelationLoss.Eliminate(input.Z1, input.Z2!, sets, T));
        Assert.Equal(expected.ToDouble(), losses.Total.ToDouble(), 12);
        Assert.NotEqual(other.ToDouble(), losses.Total.ToDouble(), 3);
        Assert.Equal(sets.data<bool>().ToArray(), losses.Sets!.data<bool>().ToArray());
    }

    [Theory]
    [InlineData(0.39, false)]
    [InlineData(0.4, true)]
    public void AdpClr_AttractsTheNearestOfOtherImages_FromItsStartOn(double done, bool attracts)
    {
        using var scope = NewDisposeScope();
        var input = Input() with { Done = done };
        var losses = LossesOf(Common with { Method = ContrastiveMethod.AdpClr, AdpClrK = 3, AdpClrStart = 0.4 }, input);
        var expected = attracts
            ? RelationLoss.Attract(input.Z1, input.Z2!, NearestSets.OfOtherImages(input.Z1, input.Z2!, 3), T)
            : InstanceLoss.Forward(input.Z1, input.Z2!, T);
        Assert.Equal(expected.ToDouble(), losses.Total.ToDouble(), 12);
        Assert.Equal(attracts, losses.Sets is not null);
    }

    [Fact]
    public void SupCon_IsTheLossOverItsClasses()
    {
        using var scope = NewDisposeScope();
        var input = Input() with { Classes = tensor([0L, 1, 1, -1, 0, 2, -1, 1]) };
        var expected = SupConLoss.Forward(input.Z1, input.Z2!, tensor([0L, 1, 1, 3, 0, 5, 6, 1]), T);
        Assert.Equal(expected.ToDouble(), LossesOf(Common with { Method = ContrastiveMethod.SupCon }, input).Total.ToDouble(), 12);
    }
}
