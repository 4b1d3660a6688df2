using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace WclSharp.Native;

/// <summary>
/// What the processor says of itself by the CPUID instruction (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E).
/// Elsewhere than on x86 nothing is known and nothing is claimed.
/// </summary>
internal static class CpuFeatures
{
    private const int SavedStateLeaf = 13, TileBytes = 8192;
    private const int FeatureLeaf = 7, BrandLeaf = unchecked((int)0x80000002), HighestExtendedLeaf = unchecked((int)0x80000000);

    /// <summary>Dot products of bfloat16 pairs in AVX-512 registers: leaf 7.1, EAX bit 5.</summary>
    public static bool HasAvx512Bf16 { get; } = HighestFeatureSubleaf >= 1 && (X86Base.CpuId(FeatureLeaf, 1).Eax >> 5 & 1) == 1;

    /// <summary>
    /// Matrix products of bfloat16 tiles: leaf 7.0, EDX bit 22, where the system lets this process use tiles. An old one does not, and then what it saves of
    /// a program's registers, leaf 13.0 EBX, is less than the 8 KiB of tiles; Linux also has to be asked (<see cref="TileRegisters"/>).
    /// </summary>
    public static bool HasAmxBf16 { get; } = HighestFeatureSubleaf >= 0 && (X86Base.CpuId(FeatureLeaf, 0).Edx >> 22 & 1) == 1
        && X86Base.CpuId(0, 0).Eax >= SavedStateLeaf && X86Base.CpuId(SavedStateLeaf, 0).Ebx > TileBytes
        && (!OperatingSystem.IsLinux() || TileRegisters.AreGranted);

    /// <summary>
    /// Whether products of bfloat16 are faster than of float32: with AMX, and with AVX-512's dot products where these have a whole register's
    /// rate, as on AMD. Intel's processors have AMX for it, and where that is hidden, as in some virtual machines, what is left has half of
    /// float32's rate (docs/performance.md). By what the processor is and not by a measurement, so that a run repeats.
    /// </summary>
    public static bool IsFasterInBf16 => HasAmxBf16 || (HasAvx512Bf16 && Vendor == "AuthenticAMD");

    private static string Vendor
    {
        get
        {
            if (!X86Base.IsSupported) return "";
            var (_, first, third, second) = X86Base.CpuId(0, 0); // in the registers EBX, EDX, ECX
            return Encoding.ASCII.GetString(MemoryMarshal.AsBytes((ReadOnlySpan<int>)[first, second, third]));
        }
    }

    /// <summary>The processor's name, such as AMD EPYC 9R14; the architecture where it does not say.</summary>
    public static string ModelName { get; } = ReadModelName();

    /// <summary>-1 where there is no leaf 7.</summary>
    private static int HighestFeatureSubleaf =>
        X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= FeatureLeaf ? X86Base.CpuId(FeatureLeaf, 0).Eax : -1;

    private static string ReadModelName()
    {
        string architecture = RuntimeInformation.ProcessArchitecture.ToString();
        if (!X86Base.IsSupported || (uint)X86Base.CpuId(HighestExtendedLeaf, 0).Eax < unchecked((uint)BrandLeaf) + 2) return architecture;

        // 48 bytes of text, sixteen a leaf, padded with zeros or blanks.
        Span<int> registers = stackalloc int[12];
        for (int i = 0; i < 3; i++)
            (registers[4 * i], registers[4 * i + 1], registers[4 * i + 2], registers[4 * i + 3]) = X86Base.CpuId(BrandLeaf + i, 0);
        string name = Encoding.ASCII.GetString(MemoryMarshal.AsBytes(registers)).Trim('\0', ' ');
        return name.Length > 0 ? name : architecture;
    }
}
