using static TorchSharp.torch;

namespace WclSharp.Native;

/// <summary>Shapes for messages.</summary>
internal static class ShapeText
{
    /// <summary>As PyTorch prints it: [2, 3].</summary>
    public static string Of(Tensor tensor) => OfSizes(Enumerable.Range(0, (int)tensor.dim()).Select(i => tensor.size(i)));

    /// <inheritdoc cref="Of"/>
    public static string OfSizes(IEnumerable<long> sizes) => $"[{string.Join(", ", sizes)}]";
}
