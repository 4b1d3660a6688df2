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
}
