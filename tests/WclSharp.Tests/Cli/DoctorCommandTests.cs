using System.Text.Json;
using WclSharp.Cli;
using WclSharp.Native;
using WclSharp.Tests.Data;
using WclSharp.Training;

namespace WclSharp.Tests.Cli;

public sealed class DoctorCommandTests
{
    private const double GiB = 1 << 30;

    [Fact]
    public void Run_Json_HasFlagsAndNumbers_OfThisMachine()
    {
        using var folder = new DataFolder();
        using StringWriter output = new(), error = new();
        string json = folder["doctor.json"];
        Assert.Equal(0, CommandLine.Run(["doctor", "--json", json], CommandActions.Library, output, error));
        using var document = JsonDocument.Parse(File.ReadAllBytes(json));
        var root = document.RootElement;
        Assert.Equal(CpuFeatures.HasAvx512Bf16 || CpuFeatures.HasAmxBf16, root.GetProperty("cpu_bf16").GetBoolean());
        Assert.Equal(ComputeDevice.Choose("cpu", ComputePrecision.Auto).TypeName, root.GetProperty("cpu_precision").GetString());
        Assert.Equal(Environment.ProcessorCount, root.GetProperty("cores").GetInt32());
        double all = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / GiB;
        Assert.InRange(root.GetProperty("free_memory_gib").GetDouble(), all / 500, all + 0.01); // rounded
        string[] measured = ["free_memory_gib", "matmul_fp32_gflops", "matmul_bf16_gflops", "convolution_fp32_gflops"];
        Assert.Contains(measured, name => root.GetProperty(name).GetDouble() % 1 != 0); // with decimals
    }
}
