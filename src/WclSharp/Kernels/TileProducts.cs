using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// The matrix products of Winograd's tiles with kernels, 36 at a time, on all threads: by <see cref="MatrixKernel"/>, which is faster than
/// libtorch's batched product where it runs (docs/performance.md), else by that.
/// </summary>
internal static unsafe class TileProducts
{
    // Rows that one thread works on at a time: enough for columns of the right matrix to be used again from the cache.
    private const int BlockRows = 64;

    /// <summary>Whether <see cref="MatrixKernel"/> takes tiles of so many channels.</summary>
    public static bool ByOwnKernel(long inChannels, long outChannels) =>
        MatrixKernel.IsSupported && inChannels % MatrixKernel.ColumnStep == 0 && outChannels % MatrixKernel.ColumnStep == 0;

    /// <summary>result = tiles kernels.</summary>
    /// <param name="tiles">[36, T, C], padded: <see cref="WinogradTiles{TPixel}.Empty"/>.</param>
    /// <param name="kernels">[36, C, K], contiguous.</param>
    /// <param name="result">[36, T, K], padded where <see cref="ByOwnKernel"/>, else not; overwritten.</param>
    public static void Multiply(Tensor tiles, Tensor kernels, Tensor result)
    {
        int inner = (int)tiles.size(2), columns = (int)result.size(2);
        if (!ByOwnKernel(inner, columns))
        {
            BatchedProduct.Into(tiles, kernels, result);
            return;
        }
        int rows = (int)MatrixKernel.Rows(tiles.size(1)), blocks = (rows + BlockRows - 1) / BlockRows;
        float* a = TensorMemory.Start(tiles), b = TensorMemory.Start(kernels), c = TensorMemory.Start(result);
        long aMatrix = tiles.stride(0), bMatrix = kernels.stride(0), cMatrix = result.stride(0);
        TorchThreads.For(WinogradTransforms.Products * blocks, number =>
        {
            int i = number / blocks, first = number % blocks * BlockRows;
            MatrixKernel.Multiply(a + i * aMatrix + (long)first * inner, inner, 1, b + i * bMatrix, c + i * cMatrix + (long)first * columns,
                Math.Min(BlockRows, rows - first), inner, columns, add: false);
        });
    }

    /// <summary>sum = left' right, or sum += left' right.</summary>
    /// <param name="left">[36, T, K], padded.</param>
    /// <param name="right">[36, T, C], padded.</param>
    /// <param name="sum">[36, K, C], contiguous.</param>
    /// <param name="add">Whether to add to what is there.</param>
    public static void MultiplyTransposed(Tensor left, Tensor right, Tensor sum, bool add)
    {
        int rows = (int)left.size(2), columns = (int)right.size(2), inner = (int)left.size(1);
        if (!ByOwnKernel(columns, rows))
        {
            using var scope = NewDisposeScope();
            if (add) sum.add_(left.transpose(1, 2).bmm(right), One);
            else BatchedProduct.Into(left.transpose(1, 2), right, sum);
            return;
        }
        int blocks = (rows + BlockRows - 1) / BlockRows;
        float* a = TensorMemory.Start(left), b = TensorMemory.Start(right), c = TensorMemory.Start(sum);
        long aMatrix = left.stride(0), bMatrix = right.stride(0), cMatrix = sum.stride(0);
        TorchThreads.For(WinogradTransforms.Products * blocks, number =>
        {
            int i = number / blocks, first = number % blocks * BlockRows;
            MatrixKernel.Multiply(a + i * aMatrix + first, 1, rows, b + i * bMatrix, c + i * cMatrix + (long)first * columns,
                Math.Min(BlockRows, rows - first), inner, columns, add);
        });
    }

    private static readonly Scalar One = 1; // made once: see Optimizer.Begin
}
