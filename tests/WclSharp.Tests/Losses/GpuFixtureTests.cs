using System.Globalization;
using TorchSharp;
using WclSharp.Graphs;
using WclSharp.Kernels;
using WclSharp.Losses;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Losses;

/// <summary>The fixtures of losses and graphs on a GPU, where there is one.</summary>
[Trait("Category", "Gpu")]
public class GpuFixtureTests
{
    /// <summary>The first GPU, set up as for a run in float32.</summary>
    private static Device Gpu()
    {
        Assert.SkipUnless(cuda.is_available(), "libtorch sees no GPU");
        return ComputeDevice.Choose("cuda:0", ComputePrecision.Fp32).Device;
    }

    [Fact]
    public void Losses_OfTheAuthorsCode_AreMet()
    {
        var gpu = Gpu();
        foreach (string file in LossFixtureTests.OneRank.Select(row => row.Data))
        {
            using var scope = NewDisposeScope();
            using var fixture = FixtureFiles.Load(file);
            double temperature = double.Parse(fixture.Metadata["temperature"], CultureInfo.InvariantCulture);
            var (x1, x2) = (fixture["x1"].to(gpu).requires_grad_(), fixture["x2"].to(gpu).requires_grad_());
            long dim = x1.shape[1] / 2;
            var (weak, labels1, labels2) = WeakLoss.OfGraphs(UnitRows.Of(x1.narrow(1, dim, dim)), UnitRows.Of(x2.narrow(1, dim, dim)), temperature, detachKeys: true);
            var instance = InstanceLoss.Forward(UnitRows.Of(x1.narrow(1, 0, dim)), UnitRows.Of(x2.narrow(1, 0, dim)), temperature);
            (instance + weak).backward();

            Assert.Equal(fixture["component1"].data<long>().ToArray(), Partition.ByFirstMember(labels1.cpu()));
            Assert.Equal(fixture["component2"].data<long>().ToArray(), Partition.ByFirstMember(labels2.cpu()));
            Close.Relative(fixture["instance_loss"].ToDouble(), instance.cpu().ToDouble(), 1e-5, $"instance loss of {file}");
            Close.Relative(fixture["weak_loss"].ToDouble(), weak.cpu().ToDouble(), 1e-5, $"weak loss of {file}");
            Close.ToNorm(fixture["grad_x1"], x1.grad!.cpu(), 1e-4, $"gradient of x1 of {file}");
            Close.ToNorm(fixture["grad_x2"], x2.grad!.cpu(), 1e-4, $"gradient of x2 of {file}");
        }
    }

    [Fact]
    public void NearestAndComponents_OfFixtureFeatures_AreExact()
    {
        var gpu = Gpu();
        foreach (string file in FixtureFiles.Matching("graph-*.safetensors").Select(row => row.Data))
        {
            using var scope = NewDisposeScope();
            using var fixture = FixtureFiles.Load(file);
            var nearest = NearestNeighborGraph.Nearest(UnitRows.Of(fixture["features"].to(gpu)));
            Assert.Equal(fixture["nearest"].data<long>().ToArray(), nearest.cpu().data<long>().ToArray());
            Assert.Equal(fixture["component"].data<long>().ToArray(), Partition.ByFirstMember(ConnectedComponents.Label(nearest).cpu()));
        }
    }
}
