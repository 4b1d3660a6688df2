using TorchSharp;
using WclSharp.Native;
using static TorchSharp.torch;

namespace WclSharp.Data;

/// <summary>Hands a host batch to the device.</summary>
internal static class ImageTensor
{
    /// <summary>The batch as a [N, C, H, W] uint8 tensor on a device. The caller owns it.</summary>
    public static Tensor Of(ImageBatch batch, Device device)
    {
        long[] shape = [batch.Indices.Length, batch.Channels, batch.Height, batch.Width];
        var host = empty(shape, dtype: ScalarType.Byte);
        batch.Pixels.AsSpan(0, (int)host.numel()).CopyTo(host.bytes);
        return Upload.To(device, host);
    }
}
