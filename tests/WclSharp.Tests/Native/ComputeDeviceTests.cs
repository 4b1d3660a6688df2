using TorchSharp;
using WclSharp.Native;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Tests.Native;

public sealed class ComputeDeviceTests
{
    [Fact]
    public void Auto_IsBf16_WhereTheSystemSaysThatTheProcessorIsFastAtIt()
    {
        Assert.SkipUnless(File.Exists("/proc/cpuinfo"), "no /proc/cpuinfo");
        var facts = File.ReadLines("/proc/cpuinfo").TakeWhile(line => line.Length > 0).Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
        Assert.SkipUnless(facts.ContainsKey("flags"), "not an x86 processor");
        string[] flags = facts["flags"].Split(' ');
        bool fast = flags.Contains("amx_bf16") || (flags.Contains("avx512_bf16") && facts["vendor_id"] == "AuthenticAMD");
        Assert.Equal(fast ? ScalarType.BFloat16 : ScalarType.Float32, ComputeDevice.Choose("cpu", ComputePrecision.Auto).Type);
    }

    [Theory]
    [InlineData(ComputePrecision.Fp32, ScalarType.Float32)]
    [InlineData(ComputePrecision.Bf16, ScalarType.BFloat16)]
    public void Named_IsTaken(ComputePrecision precision, ScalarType type) => Assert.Equal(type, ComputeDevice.Choose("cpu", precision).Type);

    [Theory]
    [InlineData("gpu"), InlineData("CUDA"), InlineData("cuda:"), InlineData("cuda:-1"), InlineData("cuda:x"), InlineData("")]
    public void Choose_ANameThatIsNone_IsRefused(string name) =>
        Assert.Contains($"no device \"{name}\"", Assert.Throws<WclUsageException>(() => ComputeDevice.Choose(name, ComputePrecision.Fp32)).Message, StringComparison.Ordinal);

    private const string NoKernel = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be asynchronously reported";

    [Fact]
    public void Auto_AGpuThatDoesNotCompute_TakesTheProcessor_AndWarns()
    {
        var told = new Told();
        var compute = ComputeDevice.Choose("auto", ComputePrecision.Fp32, told, new OtherGpus(1, OtherGpus.Volta, NoKernel));
        Assert.Equal(DeviceType.CPU, compute.Device.type);
        Assert.Equal("Tesla V100-SXM2-16GB (cuda:0), of compute capability 7.0, does not compute (libtorch: CUDA error: no kernel image is available for execution on the device), "
            + "so the CPU is used. --device cpu does not try the GPU.", Assert.Single(told.Warnings));
    }

    [Fact]
    public void Named_AGpuThatDoesNotCompute_IsRefused()
    {
        var told = new Told();
        string message = Assert.Throws<WclUsageException>(() => ComputeDevice.Choose("cuda:1", ComputePrecision.Fp32, told, new OtherGpus(2, failure: NoKernel))).Message;
        Assert.Equal("--device cuda:1: cuda:1 does not compute (libtorch: CUDA error: no kernel image is available for execution on the device). Use --device cpu.", message);
        Assert.Empty(told.Warnings);
    }

    [Theory]
    [InlineData("auto", 0), InlineData("cuda", 0), InlineData("cuda:1", 1)]
    public void AGpuThatComputes_IsTaken_InTheFormatThatItHas(string name, int index)
    {
        foreach (var (gpu, type) in ((GpuFacts, ScalarType)[])[(OtherGpus.Volta, ScalarType.Float32), (OtherGpus.Turing, ScalarType.Float32), (OtherGpus.Ampere, ScalarType.BFloat16), (OtherGpus.Hopper, ScalarType.BFloat16)])
        {
            var compute = ComputeDevice.Choose(name, ComputePrecision.Auto, gpus: new OtherGpus(2, gpu));
            Assert.Equal((DeviceType.CUDA, index, type), (compute.Device.type, compute.Device.index, compute.Type));
        }
    }

    [Fact]
    public void Name_OfAGpu_HasItsNumber_AndItsModelNot()
    {
        var known = ComputeDevice.Choose("cuda:1", ComputePrecision.Auto, gpus: new OtherGpus(2, OtherGpus.Hopper));
        Assert.Equal(("NVIDIA H100 80GB HBM3 (cuda:1)", "NVIDIA H100 80GB HBM3"), (known.Name, known.Model));
        var unknown = ComputeDevice.Choose("cuda:1", ComputePrecision.Auto, gpus: new OtherGpus(2));
        Assert.Equal(("cuda:1", "GPU"), (unknown.Name, unknown.Model));
        var processor = ComputeDevice.Choose("cpu", ComputePrecision.Auto);
        Assert.Equal((CpuFeatures.ModelName, CpuFeatures.ModelName), (processor.Name, processor.Model));
    }

    [Theory]
    [InlineData(ComputePrecision.Fp32), InlineData(ComputePrecision.Auto)] // what was trained in bfloat16 is tested in float32
    public void Float32_OnAGpu_IsWithoutTF32(ComputePrecision precision)
    {
        bool before = backends.cudnn.allow_tf32;
        try
        {
            backends.cudnn.allow_tf32 = true;
            ComputeDevice.Choose("cpu", precision);
            Assert.True(backends.cudnn.allow_tf32);
            ComputeDevice.Choose("cuda", precision, gpus: new OtherGpus(1, OtherGpus.Hopper));
            Assert.False(backends.cudnn.allow_tf32);
        }
        finally
        {
            backends.cudnn.allow_tf32 = before;
        }
    }

    [Theory]
    [InlineData(ComputePrecision.Bf16), InlineData(ComputePrecision.Bf16Fast)]
    public void Bfloat16_OnAGpuWithoutIt_BecomesFloat32_AndWarns(ComputePrecision precision)
    {
        var told = new Told();
        Assert.Equal(ScalarType.Float32, ComputeDevice.Choose("cuda", precision, told, new OtherGpus(1, OtherGpus.Volta)).Type);
        Assert.Equal("Tesla V100-SXM2-16GB (cuda:0), of compute capability 7.0, has no convolutions in bfloat16, so float32 is used.", Assert.Single(told.Warnings));
        Assert.Equal(ScalarType.BFloat16, ComputeDevice.Choose("cuda", precision, told, new OtherGpus(1, OtherGpus.Hopper)).Type);
        Assert.Single(told.Warnings);
    }

    [Fact]
    public void Cpu_TriesNoGpu()
    {
        var gpus = new OtherGpus(1, failure: NoKernel);
        Assert.Equal(DeviceType.CPU, ComputeDevice.Choose("cpu", ComputePrecision.Fp32, gpus: gpus).Device.type);
        Assert.Equal(0, gpus.Tried);
    }

    [Theory]
    [InlineData("cuda", 0, "no GPU can be used: there is none here. Use --device cpu")]
    [InlineData("cuda:9", 0, "no GPU can be used: there is none here. Use --device cpu")]
    [InlineData("cuda:9", 1, "there is 1 GPU, cuda:0.")]
    [InlineData("cuda:9", 4, "there are 4 GPUs, cuda:0 to cuda:3.")]
    public void Named_WhereThereAreFewer_SaysWhatThereIs(string name, int count, string part) =>
        Assert.Contains(part, Assert.Throws<WclUsageException>(() => ComputeDevice.Choose(name, ComputePrecision.Fp32, gpus: new OtherGpus(count))).Message, StringComparison.Ordinal);

    private sealed class Told : IProgress<RunProgress>
    {
        public List<string> Warnings { get; } = [];

        public void Report(RunProgress value) => Warnings.Add(Assert.IsType<RunProgress.Warning>(value).Message);
    }
}
