using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Losses;
using WclSharp.Neighbors;
using static TorchSharp.torch;

namespace WclSharp.Tests.Gpu;

/// <summary>Graphs and losses on a GPU are those of the processor, whose own tests hold them against the authors' figures.</summary>
[Trait("Category", "Gpu")]
public class GpuLossTests
{
    private const int Images = 512, Dim = 64, Crops = 3;

    public static TheoryData<string> Losses => new(ByName.Keys);

    private static readonly Dictionary<string, Func<Tensor[], Tensor>> ByName = new()
    {
        ["instance"] = r => InstanceLoss.Forward(r[0], r[1], 0.1),
        ["weak"] = r => WeakLoss.OfGraphs(r[0], r[1], 0.1, detachKeys: true).Loss,
        ["weak, full gradient"] = r => WeakLoss.OfGraphs(r[0], r[1], 0.1, detachKeys: false).Loss,
        ["weak, not swapped"] = r => WeakLoss.OfGraphs(r[0], r[1], 0.1, detachKeys: true, swap: false).Loss,
        ["weak, of a batch"] = r => WeakLoss.OfBatch(r[0], ConnectedComponents.OfNearestNeighbors(r[1]), 0.2, detachKeys: false).add(r[1].sum().mul(0)),
        ["local instance"] = r => MultiCropLoss.Instance(r[2], r[0], r[1], Images, 0, 0.1)!,
        ["local weak"] = r => MultiCropLoss.Swapped(r[2], r[0], r[1], ConnectedComponents.OfNearestNeighbors(r[0]), ConnectedComponents.OfNearestNeighbors(r[1]), Images, 0, 0.1)!,
        ["supervised"] = r => SupConLoss.Forward(r[0], r[1], Classes(r[0].device), 0.1),
        ["attract"] = r => RelationLoss.Attract(r[0], r[1], NearestSets.OfOtherImages(r[0].detach(), r[1].detach(), 3), 0.1),
        ["eliminate"] = r => RelationLoss.Eliminate(r[0], r[1], NearestSets.OfOtherImages(r[0].detach(), r[1].detach(), 3), 0.1),
        ["bank"] = r => MemoryBankLoss.Softmax(r[0], r[1].detach(), arange(Images, ScalarType.Int64, r[0].device), 0.07).add(r[1].sum().mul(0)),
        ["distillation"] = r => DistillationLoss.Compute(r[0].mul(5), r[1].detach(), 1).add(r[1].sum().mul(0)),
    };

    private static Tensor Classes(Device device) => arange(Images, ScalarType.Int64, device).remainder(10);

    [Theory, MemberData(nameof(Losses))]
    public void LossAndGradient_AreTheProcessors(string name)
    {
        var gpu = GivenGpu.Require();
        foreach (var (type, tolerance) in (ValueTuple<ScalarType, double>[])[(ScalarType.Float64, 1e-10), (ScalarType.Float32, 2e-5)])
        {
            using var scope = NewDisposeScope();
            Tensor[] rows = [GivenGpu.Rows(Images, Dim, 1, type), GivenGpu.Rows(Images, Dim, 2, type), GivenGpu.Rows(Crops * Images, Dim, 3, type)];
            if (!name.StartsWith("local", StringComparison.Ordinal)) rows = rows[..2];
            var (expected, gradients) = GivenGpu.LossOf(CPU, rows, ByName[name]);
            var (loss, found) = GivenGpu.LossOf(gpu, rows, ByName[name]);
            Close.Relative(expected, loss, tolerance, $"{name} in {type}");
            for (int i = 0; i < rows.Length; i++)
            {
                if (gradients[i].norm().ToDouble() == 0) Assert.Equal(0, found[i].norm().ToDouble());
                else Close.ToNorm(gradients[i], found[i], tolerance, $"gradient {i} of {name} in {type}");
            }
        }
    }

    [Theory]
    [InlineData(2), InlineData(3), InlineData(65), InlineData(1000), InlineData(20_000)]
    public void Components_OfAnyFunctionalGraph_AreTheProcessors(int count)
    {
        var gpu = GivenGpu.Require();
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)count);
        for (int trial = 0; trial < 5; trial++)
        {
            var next = randint(count, [count], ScalarType.Int64, generator: generator);
            Assert.Equal(ConnectedComponents.Label(next).data<long>().ToArray(), ConnectedComponents.Label(next.to(gpu)).cpu().data<long>().ToArray());
        }
    }

    [Fact]
    public void WeakLabels_AreTheProcessors()
    {
        var gpu = GivenGpu.Require();
        using var scope = NewDisposeScope();
        var rows = GivenGpu.Rows(4096, Dim, 5, ScalarType.Float32);
        Assert.Equal(ConnectedComponents.OfNearestNeighbors(rows).data<long>().ToArray(), ConnectedComponents.OfNearestNeighbors(rows.to(gpu)).cpu().data<long>().ToArray());
    }

    [Fact]
    public void NearestRows_OfABank_AreTheProcessorsToTheBit()
    {
        var gpu = GivenGpu.Require();
        using var scope = NewDisposeScope();
        var rows = GivenGpu.Rows(9000, 32, 6, ScalarType.Float32); // more than a tile of a GPU
        rows.narrow(0, 100, 100).copy_(rows.narrow(0, 0, 100)); // ties
        using EmbeddingBank here = EmbeddingBank.Of(rows), there = EmbeddingBank.Of(rows.to(gpu));
        Tensor expected = NearestRows.Search(here, 5), found = NearestRows.Search(there, 5);
        Assert.Equal(gpu.type, found.device.type);
        Assert.Equal(expected.data<int>().ToArray(), found.cpu().data<int>().ToArray());
    }
}
