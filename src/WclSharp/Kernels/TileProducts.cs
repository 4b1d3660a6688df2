using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// The matrix products of Winograd's tiles with kernels, 36 at a time, on all threads: by <see cref="TileKernel{TTile}"/>, which is faster than
/// libtorch's batched product where it runs (docs/performance.md), else by that.
/// </summary>
/// <typeparam name="TTile">How tiles and kernels lie in memory.</typeparam>
internal static unsafe class TileProducts<TTile> where TTile : struct, IElements
{
    // Rows that one thread works on at a time: enough for columns of the right matrix to be used again from the cache.
    private const int BlockRows = 64;

    // A thread's kernels, and gradients of kernels, at a time: a few MiB where there are 512 channels.
    private const int PanelColumns = 32, PanelPadding = 16, GradientRows = 32;

    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers

    /// <summary>sum = left' right, or sum += left' right.</summary>
    /// <param name="left">[36, T, K], padded; see <see cref="Paired"/>.</param>
    /// <param name="right">[36, T, C], padded; likewise.</param>
    /// <param name="sum">[36, K, C], contiguous.</param>
    /// <param name="add">Whether to add to what is there.</param>
    public static void MultiplyTransposed(Tensor left, Tensor right, Tensor sum, bool add)
    {
        int rows = (int)left.size(2), columns = (int)right.size(2), inner = (int)left.size(1);
        if (!WinogradConvolution.ByOwnKernel(columns, rows))
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
            TileKernel<TTile>.Multiply(a + i * aMatrix + first, 1, rows, b + i * bMatrix, columns, c + i * cMatrix + (long)first * columns, columns,
                Math.Min(BlockRows, rows - first), inner, columns, add);
        });
    }

    /// <summary>
    /// result = tiles kernels, by <see cref="TileKernel{TTile}"/>. Kernels are made from the weight on the way, some columns at a time: all of them would pass through
    /// memory, which where there are many takes as long as the products.
    /// </summary>
    /// <param name="tiles">[36, T, C], or [36, T, K] for the gradient of the input; padded.</param>
    /// <param name="weight">[K, C, 3, 3] channels-last.</param>
    /// <param name="result">[36, T, K], or [36, T, C]; padded, overwritten.</param>
    /// <param name="backward">Whether for the gradient of the input.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    public static void MultiplyByWeight(Tensor tiles, Tensor weight, Tensor result, bool backward, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        var taps = weight.permute(0, 2, 3, 1).contiguous();             // [K, 3, 3, C]
        int outChannels = (int)weight.size(0), inChannels = (int)weight.size(1), inner = (int)tiles.size(2), columns = (int)result.size(2), threads = get_num_threads();
        int rows = (int)MatrixKernel.Rows(tiles.size(1));
        nint panelStride = inner * PanelColumns + PanelPadding;
        float* source = TensorMemory.Start(taps), a = TensorMemory.Start(tiles), c = TensorMemory.Start(result);
        float* room = TensorMemory.Start(workspace.Take("panels", threads * WinogradTransforms.Products * (long)panelStride));
        long aMatrix = tiles.stride(0), cMatrix = result.stride(0);
        var rooms = new ThreadRooms(threads);
        TorchThreads.For(columns / PanelColumns, number =>
        {
            int mine = rooms.Take(), first = number * PanelColumns;
            float* panel = room + mine * WinogradTransforms.Products * panelStride;
            if (backward) WinogradKernels.InColumns<TTile>(source, outChannels, inChannels, first, PanelColumns, panel, panelStride);
            else WinogradKernels.OutColumns<TTile>(source, inChannels, first, PanelColumns, panel, panelStride);
            for (int i = 0; i < WinogradTransforms.Products; i++)
                TileKernel<TTile>.Multiply(a + i * aMatrix, inner, 1, panel + i * panelStride, PanelColumns, c + i * cMatrix + first, columns, rows, inner, PanelColumns, add: false);
            rooms.Return(mine);
        });
    }

    /// <summary>Tiles as <see cref="WeightGradient"/> and <see cref="MultiplyTransposed"/> take them, which sum over tiles: pairs of neighbouring ones.</summary>
    /// <param name="tiles">[36, T, C], padded: as they are, where they are not pairs; of pairs [36, T, C / 2].</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <param name="purpose">What for: see <see cref="Workspace.Take"/>.</param>
    /// <returns>[36, T, C] or [36, (T + 1) / 2, C], padded; the caller's dispose scope owns the view.</returns>
    public static Tensor Paired(Tensor tiles, Workspace workspace, string purpose)
    {
        if (!TileKernel<TTile>.HasPairs) return tiles;
        int rows = (int)tiles.size(1), columns = 2 * (int)tiles.size(2), pairs = (rows + 1) / 2;
        var paired = WinogradKernels.Empty(pairs, columns, workspace, purpose, padded: true);
        float* source = TensorMemory.Start(tiles), target = TensorMemory.Start(paired);
        long sourceMatrix = tiles.stride(0), targetMatrix = paired.stride(0);
        TorchThreads.For(WinogradTransforms.Products, i => TileKernel<TTile>.PairRows(source + i * sourceMatrix, rows, columns, target + i * targetMatrix));
        return paired;
    }

    /// <summary>The gradient of a weight, G' (left' right) G, some channels out at a time.</summary>
    /// <param name="left">Tiles of the output's gradient, [36, T, K], padded; see <see cref="Paired"/>.</param>
    /// <param name="right">Tiles of the input, [36, T, C], padded; likewise.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[K, C, 3, 3] channels-last; the caller owns it.</returns>
    public static Tensor WeightGradient(Tensor left, Tensor right, Workspace workspace)
    {
        int outChannels = (int)left.size(2), inChannels = (int)right.size(2), tiles = (int)left.size(1), threads = get_num_threads();
        using var gradient = empty([outChannels, 3, 3, inChannels], ScalarType.Float32);
        nint stride = GradientRows * inChannels + PanelPadding;
        float* a = TensorMemory.Start(left), b = TensorMemory.Start(right), target = TensorMemory.Start(gradient);
        using var memory = workspace.Take("gradients of some channels", threads * WinogradTransforms.Products * (long)stride);
        float* room = TensorMemory.Start(memory);
        long aMatrix = left.stride(0), bMatrix = right.stride(0);
        var rooms = new ThreadRooms(threads);
        TorchThreads.For(outChannels / GradientRows, number =>
        {
            int mine = rooms.Take(), first = number * GradientRows;
            float* sums = room + mine * WinogradTransforms.Products * stride;
            for (int i = 0; i < WinogradTransforms.Products; i++)
                TileKernel<TTile>.Multiply(a + i * aMatrix + first, 1, outChannels, b + i * bMatrix, inChannels, sums + i * stride, inChannels, GradientRows, tiles, inChannels, add: false);
            for (int k = 0; k < GradientRows; k++)
                WinogradKernels.WeightGradient(sums + k * inChannels, stride, inChannels, target + (long)(first + k) * WinogradKernels.Taps * inChannels);
            rooms.Return(mine);
        });
        return gradient.permute(0, 3, 1, 2);
    }
}
