using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace WclSharp.Native;

/// <summary>What the processor offers beyond what .NET tells.</summary>
internal static class CpuFeatures
{
    /// <summary>True where matrix products in bfloat16 have instructions of their own (AVX512_BF16 or AMX_BF16).</summary>
    public static bool HasBf16 { get; } = X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7
        && ((X86Base.CpuId(7, 1).Eax >> 5 & 1) == 1 || (X86Base.CpuId(7, 0).Edx >> 22 & 1) == 1);

    /// <summary>The processor's name, for people.</summary>
    public static string ModelName { get; } = OperatingSystem.IsLinux() && File.Exists("/proc/cpuinfo")
        && File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) is { } line
        ? line[(line.IndexOf(':') + 1)..].Trim()
        : RuntimeInformation.ProcessArchitecture.ToString();
}
