using WclSharp.Native;
using WclSharp.Tests.Data;

namespace WclSharp.Tests.Native;

public class GpuFeaturesTests
{
    // Nothing here has a GPU; where one is, the driver answers.
    [Fact]
    public void WithoutADriver_NothingIsKnown_AndBf16IsTaken()
    {
        Assert.Null(GpuFeatures.Of(index: 1 << 20)); // no machine has so many
        Assert.True(GpuFeatures.HasBf16(index: 1 << 20));
    }

    [Fact]
    public void WithoutADriver_TheLoaderSaysWhy()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && GpuFeatures.Problem is not null, "NVIDIA's driver is here, or this is no Linux");
        Assert.Matches("^NVIDIA's driver (does not load \\(libcuda.so.1: |says CUDA_ERROR_)", GpuFeatures.Problem);
    }

    [Fact]
    public void WhyNone_IsTheFirstStepThatIsMissing()
    {
        using var folder = new DataFolder();
        Assert.Equal("it is broken", Gpus.WhyNoneOf("it is broken", folder.Path, "no driver"));
        string without = Gpus.WhyNoneOf(null, folder.Path, "no driver");
        Assert.All((string[])["no libtorch_cuda.so", folder.Path, "-p:TorchBackend=cuda", GivenLibtorch.Variable], part => Assert.Contains(part, without, StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(folder.Path, "libtorch_cuda.so"), "");
        Assert.Equal("no driver", Gpus.WhyNoneOf(null, folder.Path, "no driver"));
        Assert.Equal("no driver", Gpus.WhyNoneOf(null, null, "no driver"));
        Assert.DoesNotContain("TorchBackend", Gpus.WhyNoneOf(null, folder.Path, null), StringComparison.Ordinal);
    }

    [Fact]
    public void Describe_SaysWhatItIs_AndWhetherItComputes()
    {
        Assert.Equal("NVIDIA H100 80GB HBM3, compute capability 9.0, 80.0 GiB, trains in bf16 with --precision auto", new OtherGpus(1, OtherGpus.Hopper).Describe(0));
        Assert.Equal("Tesla V100-SXM2-16GB, compute capability 7.0, 16.0 GiB, trains in fp32 with --precision auto; DOES NOT COMPUTE: libtorch: no kernel", new OtherGpus(1, OtherGpus.Volta, "no kernel\nstack").Describe(0));
        Assert.Equal("NVIDIA's driver does not say what it is", new OtherGpus(1).Describe(0));
    }
}
