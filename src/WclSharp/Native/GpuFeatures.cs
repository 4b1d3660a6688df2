using System.Runtime.InteropServices;
using System.Text;

namespace WclSharp.Native;

/// <summary>What NVIDIA's driver says of a GPU.</summary>
/// <param name="Name">Its name: "NVIDIA H100 80GB HBM3".</param>
/// <param name="Major">First number of the compute capability: 7 for Volta and Turing, 8 for Ampere, 9 for Hopper.</param>
/// <param name="Minor">Second number of the compute capability.</param>
/// <param name="MemoryBytes">All of its memory.</param>
internal sealed record GpuFacts(string Name, int Major, int Minor, long MemoryBytes)
{
    private const int FirstWithBf16 = 8; // Ampere; cuDNN has no bfloat16 convolutions for what came before

    /// <summary>Whether convolutions in bfloat16 are faster than in float32.</summary>
    public bool HasBf16 => Major >= FirstWithBf16;

    /// <summary>As NVIDIA writes it: 9.0.</summary>
    public string Capability => FormattableString.Invariant($"{Major}.{Minor}");
}

/// <summary>NVIDIA's driver on GPUs (CUDA driver API, device management). TorchSharp has no calls for it.</summary>
internal static unsafe class GpuFeatures
{
    private const int CapabilityMajor = 75, CapabilityMinor = 76; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
    private const int LongestName = 256;
    private static readonly string Library = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
    private static readonly Lazy<(nint Handle, string? Problem)> Driver = new(Load); // stays loaded: libtorch uses it too

    /// <summary>Why the driver cannot be asked, or what it says where it has no GPU; null where it has one.</summary>
    public static string? Problem => Driver.Value.Problem;

    /// <summary>Whether convolutions in bfloat16 are faster than in float32; true where the driver cannot be asked.</summary>
    /// <param name="index">Number of the GPU, from 0, as CUDA counts.</param>
    public static bool HasBf16(int index) => Of(index) is not { HasBf16: false };

    /// <summary>What is known of a GPU; null where the driver cannot be asked, or has no such GPU.</summary>
    /// <param name="index">Its number, from 0, as CUDA counts.</param>
    public static GpuFacts? Of(int index)
    {
        var (driver, problem) = Driver.Value;
        if (problem is not null || Function(driver, "cuDeviceGet") is not (not 0 and var get) || Function(driver, "cuDeviceGetAttribute") is not (not 0 and var attribute)
            || Function(driver, "cuDeviceGetName") is not (not 0 and var name) || Function(driver, "cuDeviceTotalMem_v2") is not (not 0 and var memory)) return null;
        int device, major, minor;
        nuint bytes;
        byte* text = stackalloc byte[LongestName];
        return ((delegate* unmanaged<int*, int, int>)get)(&device, index) == 0
            && ((delegate* unmanaged<int*, int, int, int>)attribute)(&major, CapabilityMajor, device) == 0
            && ((delegate* unmanaged<int*, int, int, int>)attribute)(&minor, CapabilityMinor, device) == 0
            && ((delegate* unmanaged<byte*, int, int, int>)name)(text, LongestName, device) == 0
            && ((delegate* unmanaged<nuint*, int, int>)memory)(&bytes, device) == 0
            ? new(Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text)), major, minor, (long)bytes)
            : null;
    }

    private static (nint, string?) Load()
    {
        if (!NativeLibrary.TryLoad(Library, out nint driver))
            return (0, $"NVIDIA's driver does not load ({(OperatingSystem.IsLinux() ? GivenLibtorch.LoadingError(Library) : null) ?? Library})");
        if (Function(driver, "cuInit") is not (not 0 and var init)) return (driver, $"{Library} is no driver of NVIDIA's");
        int error = ((delegate* unmanaged<uint, int>)init)(0);
        if (error == 0) return (driver, null);
        // Which may be that it is told to show none.
        string visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES") is { } devices ? $", with CUDA_VISIBLE_DEVICES={devices}" : "";
        return (driver, $"NVIDIA's driver says {NameOf(driver, error)}{visible}");
    }

    private static string NameOf(nint driver, int error)
    {
        nint text = 0;
        return Function(driver, "cuGetErrorName") is not 0 and var name && ((delegate* unmanaged<int, nint*, int>)name)(error, &text) == 0 && text != 0
            ? Marshal.PtrToStringUTF8(text)!
            : FormattableString.Invariant($"error {error}");
    }

    private static nint Function(nint driver, string name) => NativeLibrary.TryGetExport(driver, name, out nint function) ? function : 0;
}
