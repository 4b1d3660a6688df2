using TorchSharp;
using WclSharp.Configuration;
using WclSharp.Graphs;
using WclSharp.Losses;
using WclSharp.Methods;
using WclSharp.Training;
using static TorchSharp.torch;
using static WclSharp.Tests.Losses.LossInputs;

namespace WclSharp.Tests.Methods;

/// <summary>Where a method's own part is switched off, it is SimCLR, in loss and gradient; where it is on, it is its formula.</summary>
public class MethodLimitTests
{
    private const int N = 8, D = 5;

    private static PretrainOptions Options(ContrastiveMethod method) => new() { Method = method, Batch = N, HeadOutput = D };

    private static MethodInput Input(Tensor z1, Tensor z2, double done = 1) => new()
    {
        Z1 = z1,
        Z2 = z2,
        V1 = ToTensor(Rows(N, D, 11)),
        V2 = ToTensor(Rows(N, D, 12)),
        Classes = tensor(Enumerable.Range(0, N).Select(i => (long)(N - 1 - i)).ToArray()),
        Images = [.. Enumerable.Range(0, N)],
        Done = done,
        ProjectInstance = number => ToTensor(Rows(N, D, number)),
    };

    private static (double Loss, double[] Gradient, MethodLosses Losses) Run(PretrainOptions options, double done = 1)
    {
        using var method = MethodFactory.Create(MethodDefaults.Fill(options), N, labels: true, CPU);
        var (z1, z2) = (ToTensor(Rows(N, D, 1)).requires_grad_(), ToTensor(Rows(N, D, 2)));
        var losses = method.Losses(Input(z1, z2, done));
        losses.Total.backward();
        return (losses.Total.ToDouble(), z1.grad!.data<double>().ToArray(), losses);
    }

    private static void AssertIsSimClr(PretrainOptions options, double done = 1)
    {
        var (loss, gradient, _) = Run(options, done);
        var (expected, expectedGradient, _) = Run(Options(ContrastiveMethod.SimClr));
        Assert.Equal(expected, loss, 12);
        for (int i = 0; i < gradient.Length; i++) Assert.Equal(expectedGradient[i], gradient[i], 10);
    }

    [Fact]
    public void Limits_AreSimClr()
    {
        using var scope = NewDisposeScope();
        foreach (var mode in Enum.GetValues<FalseNegativeMode>()) AssertIsSimClr(Options(ContrastiveMethod.FnCancel) with { FnMode = mode, FnK = 0 });
        AssertIsSimClr(Options(ContrastiveMethod.SupCon)); // all classes different
        AssertIsSimClr(Options(ContrastiveMethod.AdpClr) with { AdpClrK = 0 });
        AssertIsSimClr(Options(ContrastiveMethod.AdpClr) with { AdpClrStart = 0.5 }, done: 0.49);
        foreach (var method in (ContrastiveMethod[])[ContrastiveMethod.Wcl, ContrastiveMethod.WclOneHead, ContrastiveMethod.WclNoSwap])
        {
            AssertIsSimClr(Options(method) with { Beta = 0 });
            AssertIsSimClr(Options(method) with { BetaRamp = 4, Epochs = 10, WarmupEpochs = 2 }, done: 0.2); // the last step of the warm-up
        }
    }

    [Fact]
    public void AdpClrAndFnCancel_PastTheirLimit_DifferFromSimClr_AndGiveTheirSets()
    {
        using var scope = NewDisposeScope();
        double simClr = Run(Options(ContrastiveMethod.SimClr)).Loss;
        foreach (var options in (PretrainOptions[])
            [
                Options(ContrastiveMethod.AdpClr) with { AdpClrK = 2, AdpClrStart = 0.5 },
                Options(ContrastiveMethod.FnCancel) with { FnK = 2, FnMode = FalseNegativeMode.Elimination },
                Options(ContrastiveMethod.FnCancel) with { FnK = 2, FnScore = SupportScore.Mean },
            ])
        {
            var (loss, _, losses) = Run(options, done: 0.5);
            Assert.True(Math.Abs(loss - simClr) > 1e-3);
            Assert.All(losses.Sets!.sum(1).data<long>().ToArray(), members => Assert.Equal(2, members));
        }
    }

    [Fact]
    public void WclVariants_AreTheirFormulas()
    {
        using var scope = NewDisposeScope();
        var (z1, z2) = (ToTensor(Rows(N, D, 1)), ToTensor(Rows(N, D, 2)));
        var (v1, v2) = (ToTensor(Rows(N, D, 11)), ToTensor(Rows(N, D, 12)));
        double t = new PretrainOptions().Temperature, instance = InstanceLoss.Forward(z1, z2, t).ToDouble();
        double L(Tensor v, Tensor graph) => WeakLoss.Forward(v, v, ConnectedComponents.OfNearestNeighbors(graph), 0, t).ToDouble();

        Assert.Equal(instance + 0.7 * (L(v1, v2) + L(v2, v1)) / 2, Run(Options(ContrastiveMethod.Wcl) with { Beta = 0.7 }).Loss, 10);
        Assert.Equal(instance + 0.7 * (L(v1, v1) + L(v2, v2)) / 2, Run(Options(ContrastiveMethod.WclNoSwap) with { Beta = 0.7 }).Loss, 10);
        Assert.Equal(instance + 0.7 * (L(z1, z2) + L(z2, z1)) / 2, Run(Options(ContrastiveMethod.WclOneHead) with { Beta = 0.7 }).Loss, 10);
    }

    [Theory]
    [InlineData(0, 0.0, 0.7)] // no ramp
    [InlineData(4, 0.1, 0)]   // still warming up
    [InlineData(4, 0.3, 0.7 / 4)]
    [InlineData(4, 0.6, 0.7)]
    [InlineData(4, 0.9, 0.7)]
    [InlineData(16, 1.0, 0.7 / 2)] // a ramp that the run does not see the end of
    public void WeakWeight_RisesAfterTheWarmup(double ramp, double done, double expected) =>
        Assert.Equal(expected, WeakWeight.At(Options(ContrastiveMethod.Wcl) with { Beta = 0.7, BetaRamp = ramp, Epochs = 10, WarmupEpochs = 2 }, done), 12);

    [Fact]
    public void SupCon_WithoutClasses_IsRefused()
    {
        var error = Assert.Throws<WclUsageException>(() => MethodFactory.Create(Options(ContrastiveMethod.SupCon), N, labels: false, CPU));
        Assert.Contains("--method supcon learns from classes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OnlyWclWithTwoHeads_HasTheWeakHead()
    {
        foreach (var kind in Enum.GetValues<ContrastiveMethod>())
        {
            using var method = MethodFactory.Create(MethodDefaults.Fill(Options(kind)), N, labels: true, CPU);
            Assert.Equal(kind is ContrastiveMethod.Wcl or ContrastiveMethod.WclNoSwap or ContrastiveMethod.WclBank, method.HasWeakHead);
        }
    }

    [Fact]
    public void HasWeakLoss_OfEveryMethod_IsWhatTheMethodSays()
    {
        foreach (var kind in Enum.GetValues<ContrastiveMethod>())
        {
            using var method = MethodFactory.Create(MethodDefaults.Fill(Options(kind)), N, labels: true, CPU);
            Assert.True(method.HasWeakLoss == MethodFactory.HasWeakLoss(kind), $"{kind}");
        }
    }

    [Theory]
    [InlineData(WeakKeys.Detached, null)]
    [InlineData(WeakKeys.Full, BankNegatives.Others)]
    [InlineData(null, BankNegatives.All)]
    public void WclBank_WithAGraph_IsTheInstanceLossAndSupConOverItsGroups(WeakKeys? keys, BankNegatives? negatives)
    {
        using var method = new WclBank(MethodDefaults.Fill(Options(ContrastiveMethod.WclBank) with { Epochs = 4, Beta = 0.5, WeakKeys = keys, BankNegatives = negatives }), N);
        var input = Input(ToTensor(Rows(N, D, 1)), ToTensor(Rows(N, D, 2)));
        Assert.Null(method.Groups);
        method.AfterEpoch(new EpochEnd(1, () => throw new InvalidOperationException("asked before the start")));
        Assert.Null(method.Groups);

        // Four pairs: rows 2 i and 2 i + 1 are alike.
        method.AfterEpoch(new EpochEnd(2, () => nn.functional.normalize(eye(N).add(eye(N).index_select(0, tensor(Enumerable.Range(0, N).Select(i => (long)(i ^ 1)).ToArray())).mul(0.5)))));

        Assert.Equal(Enumerable.Range(0, N).GroupBy(i => i / 2).Select(pair => pair.Count()), method.Groups!.GroupBy(group => group).Select(pair => pair.Count()));
        Assert.All(Enumerable.Range(0, N / 2), pair => Assert.Equal(method.Groups![2 * pair], method.Groups[(2 * pair) + 1]));
        var losses = method.Losses(input);
        var labels = tensor(Enumerable.Range(0, N).Select(i => (long)(i / 2 * 2)).ToArray());
        var weak = SupConLoss.Forward(input.V1!, input.V2!, labels, 0.1);
        bool[] others = [.. from a in Enumerable.Range(0, 2 * N) from b in Enumerable.Range(0, 2 * N) select a % N != b % N && a % N / 2 == b % N / 2];
        var instance = negatives == BankNegatives.All
            ? InstanceLoss.Forward(input.Z1, input.Z2!, 0.1)
            : RelationLoss.Eliminate(input.Z1, input.Z2!, tensor(others).view(2 * N, 2 * N), 0.1);
        Assert.Equal(instance.ToDouble() + (0.5 * weak.ToDouble()), losses.Total.ToDouble(), 1e-6);
        Assert.Equal(labels.data<long>().ToArray(), losses.Labels!.data<long>().ToArray());

        // Groups are the images', wherever in the batch these come.
        int[] images = [6, 1, 3, 0, 7, 4, 2, 5]; // of one group are the places 0 and 4, 1 and 3, 2 and 6, 5 and 7
        long[] found = method.Losses(input with { Images = images }).Labels!.data<long>().ToArray();
        Assert.Equal([0, 1, 2, 1, 0, 5, 2, 5], found.Select(label => Array.IndexOf(found, label)));

        // That no gradient reaches the keys shows in the gradient alone.
        Tensor v1 = input.V1!.clone().requires_grad_(), own = input.V1!.clone().requires_grad_();
        Backpropagation.Run(method.Losses(input with { V1 = v1 }).Total);
        Backpropagation.Run(SupConLoss.Forward(own, input.V2!, labels, 0.1, detachKeys: keys == WeakKeys.Detached).mul(0.5));
        Assert.True(own.grad!.allclose(v1.grad!, 1e-5, 1e-7));
    }
}
