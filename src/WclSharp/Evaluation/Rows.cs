using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Some rows of a matrix, such as the features of some of the images.</summary>
internal static class Rows
{
    /// <summary>Takes rows out.</summary>
    /// <param name="matrix">[M, F].</param>
    /// <param name="places">Which rows, 0 to M - 1, in any order; one may come twice.</param>
    /// <returns>[N, F] on the same device, in the order of <paramref name="places"/>. The caller owns it.</returns>
    public static Tensor Of(Tensor matrix, int[] places)
    {
        using var index = tensor(places, device: matrix.device);
        return matrix.index_select(0, index);
    }
}
