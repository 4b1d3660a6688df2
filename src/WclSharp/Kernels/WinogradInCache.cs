using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Winograd's convolution with a few tiles at a time, whose transforms and products stay in a core's cache: for layers of
/// few channels, whose tiles otherwise pass through memory more slowly than they are multiplied. Needs AVX-512.
/// </summary>
/// <remarks>
/// Images are cut into parts, which threads take one after the other. Backward, a part's kernel gradient is summed by itself, so that the result has the
/// same bits at every call, and on any number of threads up to eight: beyond, there are as many parts as threads, and sums round otherwise.
/// </remarks>
/// <typeparam name="TPixel">How images lie in memory.</typeparam>
/// <typeparam name="TTile">How tiles and kernels lie in memory.</typeparam>
internal sealed unsafe class WinogradInCache<TPixel, TTile> where TPixel : struct, IElements where TTile : struct, IElements
{
    private const int BlockTiles = 24, ForwardBlocks = 2, BackwardParts = 8, MatrixPadding = 64;

    // Images whose gradient is summed beside the blocks before it is rounded have about so many tiles: less would leave blocks half empty.
    private const int SummedTiles = 64;

    private static readonly Scalar One = 1; // made once: CONTRIBUTING, Numbers
    private readonly int images, threads, inChannels, outChannels, summedImages;
    private readonly long inMatrix, outMatrix, kernel, kernelGradient;
    private readonly WinogradTiles<TPixel, TTile> inTiles, outTiles;
    private readonly WinogradInputGradient<TPixel> inGradient;

    /// <param name="images">Images, N.</param>
    /// <param name="height">Their height, H, pixels.</param>
    /// <param name="width">Their width, W, pixels.</param>
    /// <param name="inChannels">Channels in, C.</param>
    /// <param name="outChannels">Channels out, K.</param>
    public WinogradInCache(int images, int height, int width, int inChannels, int outChannels)
    {
        (this.images, this.inChannels, this.outChannels) = (images, inChannels, outChannels);
        threads = get_num_threads();
        // Matrices at powers of two would fall on the same cache sets.
        (inMatrix, outMatrix) = (BlockTiles * inChannels + MatrixPadding, BlockTiles * outChannels + MatrixPadding);
        kernel = WinogradKernels.Matrix(TileKernel<TTile>.Words(inChannels), outChannels);
        kernelGradient = WinogradKernels.Matrix(inChannels, outChannels);
        inTiles = new WinogradTiles<TPixel, TTile>(height, width, inChannels);
        outTiles = new WinogradTiles<TPixel, TTile>(height, width, outChannels);
        inGradient = new WinogradInputGradient<TPixel>(height, width, inChannels);
        summedImages = Math.Max(1, SummedTiles / inTiles.PerImage);
    }

    /// <summary>The convolution.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="kernels">[36, C, K], of pairs [36, C / 2, K].</param>
    /// <param name="y">[N, H, W, K], overwritten.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    public void Forward(Tensor x, Tensor kernels, Tensor y, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        byte* source = TensorMemory.Bytes(x), target = TensorMemory.Bytes(y);
        // Short parts, as many for each thread, so that none waits long for another.
        int parts = (images * inTiles.PerImage + ForwardBlocks * BlockTiles - 1) / (ForwardBlocks * BlockTiles);
        parts = Math.Min(images, (parts + threads - 1) / threads * threads);
        var rooms = new ThreadRooms(threads);
        float* u = TensorMemory.Start(kernels), room = Room(workspace);
        TorchThreads.For(parts, part =>
        {
            var (start, count) = Part(part, parts);
            int mine = rooms.Take();
            float* v = room + mine * RoomValues, m = v + WinogradTransforms.Products * inMatrix;
            Forward(source + start * inTiles.ImageBytes, count * inTiles.PerImage, u, v, m, target + start * outTiles.ImageBytes);
            rooms.Return(mine);
        });
    }

    /// <summary>The gradients of the input and of the kernels.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="dy">[N, H, W, K].</param>
    /// <param name="kernels">[36, K, C], of pairs [36, K / 2, C].</param>
    /// <param name="dx">[N, H, W, C], overwritten, or added to.</param>
    /// <param name="adds">Whether the input's gradient is added to what is there.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[36, K, C], in the workspace's memory; the caller's dispose scope owns the view.</returns>
    public Tensor Backward(Tensor x, Tensor dy, Tensor kernels, Tensor dx, bool adds, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        int parts = Math.Min(images, Math.Max(BackwardParts, threads));
        long size = WinogradTransforms.Products * kernelGradient, summed = WinogradInputGradient<TPixel>.IsDirect ? 0 : summedImages * inGradient.ImageValues;
        var gradients = workspace.Take("kernel gradients", parts * size).view(parts, size);
        byte* source = TensorMemory.Bytes(x), gradient = TensorMemory.Bytes(dy), target = TensorMemory.Bytes(dx);
        float* u = TensorMemory.Start(kernels), du = TensorMemory.Start(gradients), room = Room(workspace);
        float* sums = summed == 0 ? null : TensorMemory.Start(workspace.Take("input gradient", threads * summed));
        var rooms = new ThreadRooms(threads);
        TorchThreads.For(parts, part =>
        {
            var (start, count) = Part(part, parts);
            int mine = rooms.Take();
            float* v = room + mine * RoomValues, dm = v + WinogradTransforms.Products * inMatrix;
            Backward(source + start * inTiles.ImageBytes, gradient + start * outTiles.ImageBytes, count, u, v, dm, target + start * inTiles.ImageBytes, adds, sums + mine * summed, du + part * size);
            rooms.Return(mine);
        });
        var total = gradients.select(0, 0);
        for (int part = 1; part < parts; part++) total.add_(gradients.select(0, part), One);
        return total.as_strided([WinogradTransforms.Products, outChannels, inChannels], [kernelGradient, inChannels, 1], total.storage_offset()).MoveToOuterDisposeScope();
    }

    // Compiled at once, as BatchNormKernels: tiers would leave the first steps to slow code.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Forward(byte* x, int tiles, float* u, float* v, float* m, byte* y)
    {
        for (int first = 0; first < tiles; first += BlockTiles)
        {
            int count = Math.Min(BlockTiles, tiles - first);
            inTiles.FromInput(x, first, count, v, inMatrix);
            for (int i = 0; i < WinogradTransforms.Products; i++)
                TileKernel<TTile>.Multiply(v + i * inMatrix, inTiles.RowWords, 1, u + i * kernel, outChannels, m + i * outMatrix, outChannels, Rows(count), inTiles.RowWords, outChannels, add: false);
            outTiles.ToOutput(m, outMatrix, first, count, y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Backward(byte* x, byte* dy, int images, float* u, float* v, float* dm, byte* dx, bool adds, float* sums, float* du)
    {
        bool direct = WinogradInputGradient<TPixel>.IsDirect;
        int group = direct ? images : summedImages;
        for (int image = 0; image < images; image += group)
        {
            int start = image * inTiles.PerImage, end = Math.Min(images, image + group) * inTiles.PerImage;
            byte* place = dx + image * inTiles.ImageBytes;
            float* target = direct ? (float*)place : sums;
            long values = (end - start) / inTiles.PerImage * inGradient.ImageValues;
            if (adds && !direct) WinogradInputGradient<TPixel>.Load(place, values, sums);
            for (int first = start; first < end; first += BlockTiles)
            {
                int count = Math.Min(BlockTiles, end - first);
                inTiles.FromInput(x, first, count, v, inMatrix);
                outTiles.FromOutputGradient(dy, first, count, dm, outMatrix);
                for (int i = 0; i < WinogradTransforms.Products; i++)
                {
                    float* vi = v + i * inMatrix, dmi = dm + i * outMatrix, vOfTiles = vi, dmOfTiles = dmi;
                    if (TileKernel<TTile>.HasPairs)
                    {
                        // Sums over tiles take pairs of tiles, those over channels pairs of channels; each fill half of the matrix.
                        vOfTiles += BlockTiles * inTiles.RowWords;
                        dmOfTiles += BlockTiles * outTiles.RowWords;
                        TileKernel<TTile>.PairRows(vi, count, inChannels, vOfTiles);
                        TileKernel<TTile>.PairRows(dmi, count, outChannels, dmOfTiles);
                    }
                    TileKernel<TTile>.Multiply(dmOfTiles, 1, outChannels, vOfTiles, inChannels, du + i * kernelGradient, inChannels, outChannels, TileKernel<TTile>.Words(count), inChannels, add: first > 0);
                    TileKernel<TTile>.Multiply(dmi, outTiles.RowWords, 1, u + i * kernel, inChannels, vi, inChannels, Rows(count), outTiles.RowWords, inChannels, add: false); // v is done with
                }
                inGradient.Add(v, inMatrix, first - start, count, target, clear: !adds);
            }
            if (!direct) WinogradInputGradient<TPixel>.Store(sums, values, place);
        }
    }

    private long RoomValues => WinogradTransforms.Products * (inMatrix + outMatrix);

    private float* Room(Workspace workspace) => TensorMemory.Start(workspace.Take("blocks", threads * RoomValues));

    private (long Start, int Count) Part(int part, int parts)
    {
        long start = (long)images * part / parts;
        return (start, (int)((long)images * (part + 1) / parts - start));
    }

    // The rows beyond the tiles hold what was there before; no row has a say in another.
    private static int Rows(int tiles) => (int)MatrixKernel.Rows(tiles);
}
