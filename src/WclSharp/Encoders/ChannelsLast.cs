using static TorchSharp.torch;

namespace WclSharp.Encoders;

/// <summary>The NHWC memory layout, which convolutions on a CPU and on tensor cores work in without conversions.</summary>
internal static class ChannelsLast
{
    /// <summary>The same [N, C, H, W] values with the strides of [N, H, W, C]. A new tensor unless it is laid out so already.</summary>
    public static Tensor Of(Tensor images)
    {
        using var scope = NewDisposeScope();
        return images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }
}
