using TorchSharp;
using WclSharp.Kernels;
using static TorchSharp.torch;

namespace WclSharp.Losses;

/// <summary>sum_i a_i . b_i over rows, block by block, so that no product of the rows' size is held, with block sums in float64.</summary>
internal static class BlockProducts
{
    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers

    /// <param name="a">[N, D].</param>
    /// <param name="b">[N, D].</param>
    /// <returns>Scalar of the rows' type; the caller's dispose scope owns it.</returns>
    public static Tensor Sum(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var sum = zeros([], ScalarType.Float64, a.device);
        foreach (var (start, count) in RowTiles.Of(a.size(0), a.size(1), a.dtype, a.device))
        {
            using var block = NewDisposeScope();
            sum.add_(a.narrow(0, start, count).mul(b.narrow(0, start, count)).sum(1).sum(ScalarType.Float64), One);
        }
        return sum.to(a.dtype).MoveToOuterDisposeScope();
    }
}
