using TorchSharp;
using WclSharp.Kernels;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Gpu;

/// <summary>The GPU of the tests of this folder, which are skipped where there is none: <c>benchmarks/compare/gpu test</c> runs them on one.</summary>
internal static class GivenGpu
{
    /// <summary>The first GPU, set up as a run in float32 sets it up; skips the test without one.</summary>
    public static Device Require()
    {
        bool there = Gpus.OfThisMachine.Count > 0;
        if (Environment.GetEnvironmentVariable("WCLSHARP_EXPECT") == "gpu") Assert.True(there, $"no GPU can be used: {Gpus.OfThisMachine.WhyNone}");
        Assert.SkipUnless(there, "there is no GPU");
        return ComputeDevice.Choose(ComputeDevice.Cuda, ComputePrecision.Fp32).Device;
    }

    /// <summary>Rows of unit length in random directions, some of them near others so that the graph has components of several sizes.</summary>
    public static Tensor Rows(long count, long dim, long seed, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        var rows = randn([count, dim], ScalarType.Float64, generator: generator);
        var near = rows.narrow(0, 0, count / 4).add(randn([count / 4, dim], ScalarType.Float64, generator: generator).mul(0.3));
        return nn.functional.normalize(cat([rows.narrow(0, 0, count - count / 4), near])).to(type).MoveToOuterDisposeScope();
    }

    /// <summary>A loss of some rows and its gradient with regard to them, on a device.</summary>
    public static (double Loss, Tensor[] Gradients) LossOf(Device device, Tensor[] rows, Func<Tensor[], Tensor> loss)
    {
        Tensor[] inputs = [.. rows.Select(r => r.to(device, copy: true).requires_grad_())];
        var value = loss(inputs);
        BackwardErrors.Run(() => value.backward());
        Assert.Equal(device.type, value.device.type);
        return (value.ToDouble(), [.. inputs.Select(input => input.grad!.cpu())]);
    }
}
