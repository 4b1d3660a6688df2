using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Native;

/// <summary>Sends what was made on the host to a device without waiting for it.</summary>
/// <remarks>
/// A plain copy to a GPU waits until everything that was asked of it before is done, and the GPU then idles while the host asks for more.
/// Out of page-locked memory, which libtorch keeps for the next time, the copy takes its place in the queue instead.
/// </remarks>
internal static class Upload
{
    /// <summary>Sends a tensor.</summary>
    /// <param name="host">On the CPU; handed over, so the caller does not use it again.</param>
    /// <param name="device">Where to.</param>
    /// <returns>The same values on the device, of the same shape and dtype. The caller owns it.</returns>
    public static Tensor To(Device device, Tensor host)
    {
        if (device.type == DeviceType.CPU) return host;
        using (host)
        {
            if (device.type != DeviceType.CUDA) return host.to(device);
            using var locked = host.pin_memory();
            return locked.to(device, non_blocking: true);
        }
    }

    /// <summary>Sends whole numbers, [N] int64. The caller owns the tensor.</summary>
    public static Tensor To(Device device, long[] numbers) => To(device, tensor(numbers));
}
