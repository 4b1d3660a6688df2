using System.Runtime.InteropServices;

namespace WclSharp.Native;

/// <summary>What NVIDIA's driver says of a GPU (CUDA driver API, device management). TorchSharp has no call for it.</summary>
internal static unsafe class GpuFeatures
{
    private const int ComputeCapabilityMajor = 75; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    private const int FirstWithBf16 = 8;           // Ampere; cuDNN has no bfloat16 convolutions for what came before

    /// <summary>Whether convolutions in bfloat16 are faster than in float32; true where the driver cannot be asked.</summary>
    /// <param name="index">Number of the GPU, from 0, as CUDA counts.</param>
    public static bool HasBf16(int index) => MajorCapability(index) is not < FirstWithBf16;

    /// <summary>First number of the compute capability: 7 for Volta and Turing, 8 for Ampere, 9 for Hopper; null where the driver cannot be asked.</summary>
    public static int? MajorCapability(int index)
    {
        if (!NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out nint driver)) return null;
        try
        {
            if (!NativeLibrary.TryGetExport(driver, "cuInit", out nint init) || !NativeLibrary.TryGetExport(driver, "cuDeviceGetAttribute", out nint attribute)) return null;
            int value;
            return ((delegate* unmanaged<uint, int>)init)(0) == 0 && ((delegate* unmanaged<int*, int, int, int>)attribute)(&value, ComputeCapabilityMajor, index) == 0 ? value : null;
        }
        finally
        {
            NativeLibrary.Free(driver);
        }
    }
}
