using System.Globalization;
using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
using WclSharp.Losses;
using static TorchSharp.torch;

namespace WclSharp.Tests.Losses;

[Trait("Category", "Fixtures")]
public class LossFixtureTests
{
    public static TheoryData<string> OneRank => FixtureFiles.Matching("loss-*.safetensors", not: "loss-two-ranks");
    public static TheoryData<string, bool> OneRankBothWays => [.. OneRank.SelectMany(row => new[] { (row.Data, false), (row.Data, true) })];

    public static TheoryData<string> TwoRanks => FixtureFiles.Matching("loss-two-ranks-*.safetensors");

    /// <param name="file">The fixture.</param>
    /// <param name="asTrained">Whether as a training step on a CPU takes it, rows, graphs and weak loss together; else one after the other.</param>
    [Theory, MemberData(nameof(OneRankBothWays))]
    public void Losses_OfTheAuthorsCode_AreMet(string file, bool asTrained)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureFiles.Load(file);
        double temperature = double.Parse(fixture.Metadata["temperature"], CultureInfo.InvariantCulture);
        var x1 = fixture["x1"].clone().requires_grad_();
        var x2 = fixture["x2"].clone().requires_grad_();
        long dim = x1.shape[1] / 2;
        Func<Tensor, Tensor> unit = asTrained ? UnitRows.Of : Unit;
        var (z1, v1) = (unit(x1.narrow(1, 0, dim)), unit(x1.narrow(1, dim, dim)));
        var (z2, v2) = (unit(x2.narrow(1, 0, dim)), unit(x2.narrow(1, dim, dim)));
        if (asTrained && temperature > 0.032) Assert.True(SelfPartition.Suits(temperature, v1, v2)); // below it whole rows serve

        var (weak, labels1, labels2) = asTrained ? WeakLoss.OfGraphs(v1, v2, temperature, detachKeys: true) : OneAfterTheOther();
        Assert.Equal(fixture["component1"].data<long>().ToArray(), Partition.ByFirstMember(labels1));
        Assert.Equal(fixture["component2"].data<long>().ToArray(), Partition.ByFirstMember(labels2));

        var instance = InstanceLoss.Forward(z1, z2, temperature);
        Close.Relative(fixture["instance_loss"].ToDouble(), instance.ToDouble(), 1e-5, "instance loss");
        Close.Relative(fixture["weak_loss"].ToDouble(), weak.ToDouble(), 1e-5, "weak loss");

        (instance + weak).backward();
        Close.ToNorm(fixture["grad_x1"], x1.grad!, 1e-5, "gradient of x1");
        Close.ToNorm(fixture["grad_x2"], x2.grad!, 1e-5, "gradient of x2");

        (Tensor Weak, Tensor Labels1, Tensor Labels2) OneAfterTheOther()
        {
            Tensor first = ConnectedComponents.OfNearestNeighbors(v1), second = ConnectedComponents.OfNearestNeighbors(v2);
            return (WeakLoss.Swapped(v1, v2, first, second, temperature, detachKeys: true), first, second);
        }
    }

    [Theory, MemberData(nameof(OneRank))]
    public void WeakLoss_WithFullKeys_HasAnotherGradient(string file)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureFiles.Load(file);
        long dim = fixture["x1"].shape[1] / 2;
        var v = fixture["x1"].narrow(1, dim, dim).clone();
        var labels = ConnectedComponents.OfNearestNeighbors(Unit(v));
        var full = Gradient(v, labels, detach: false);
        var detached = Gradient(v, labels, detach: true);
        Assert.True((full - detached).norm().ToDouble() > 0.01 * detached.norm().ToDouble());

        static Tensor Gradient(Tensor v, Tensor labels, bool detach)
        {
            var x = v.clone().requires_grad_();
            var unit = Unit(x);
            WeakLoss.Swapped(unit, unit, labels, labels, 0.1, detach).backward();
            return x.grad!;
        }
    }

    [Theory, MemberData(nameof(TwoRanks))]
    public void Losses_OverTwoRanks_AreMet(string file)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureFiles.Load(file);
        double temperature = double.Parse(fixture.Metadata["temperature"], CultureInfo.InvariantCulture);
        long dim = fixture["x1"].shape[1] / 2, rows = fixture["x1"].shape[0] / 2;
        for (int rank = 0; rank < 2; rank++)
        {
            var locals = new[] { "x1", "x2" }.Select(name => fixture[name].narrow(0, rank * rows, rows).clone().requires_grad_()).ToArray();
            var all = new[] { "x1", "x2" }.Select((name, view) => rank == 0
                ? cat([locals[view], fixture[name].narrow(0, rows, rows)])
                : cat([fixture[name].narrow(0, 0, rows), locals[view]])).ToArray();
            var z = all.Select(x => Unit(x.narrow(1, 0, dim))).ToArray();
            var v = all.Select(x => Unit(x.narrow(1, dim, dim))).ToArray();
            long offset = rank * rows;
            Tensor Mine(Tensor t) => t.narrow(0, offset, rows);

            var instance = InstanceLoss.Forward(Mine(z[0]), Mine(z[1]), z[0], z[1], offset, temperature);
            var labels = v.Select(ConnectedComponents.OfNearestNeighbors).ToArray();
            var weak = (WeakLoss.Forward(Mine(v[0]), v[0].detach(), labels[1], offset, temperature)
                + WeakLoss.Forward(Mine(v[1]), v[1].detach(), labels[0], offset, temperature)) / 2;
            Close.Relative(fixture[$"instance_loss_rank{rank}"].ToDouble(), instance.ToDouble(), 1e-5, "instance loss");
            Close.Relative(fixture[$"weak_loss_rank{rank}"].ToDouble(), weak.ToDouble(), 1e-5, "weak loss");

            (instance + weak).backward();
            Close.ToNorm(fixture[$"grad_x1_rank{rank}"], locals[0].grad!, 1e-5, "gradient of x1");
            Close.ToNorm(fixture[$"grad_x2_rank{rank}"], locals[1].grad!, 1e-5, "gradient of x2");
        }
    }

    private static Tensor Unit(Tensor x) => nn.functional.normalize(x);
}
