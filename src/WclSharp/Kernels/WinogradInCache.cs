using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Winograd's convolution with a few tiles at a time, whose transforms and products stay in a core's cache: for layers of
/// few channels, whose tiles otherwise pass through memory more slowly than they are multiplied. Needs AVX-512.
/// </summary>
/// <remarks>
/// Images are cut into parts, and a part's kernel gradient is summed by itself, so that the result has the same bits at every
/// call, and on any number of threads up to eight: beyond, there are as many parts as threads, and sums round otherwise.
/// </remarks>
internal sealed unsafe class WinogradInCache
{
    private const int BlockTiles = 32, MostParts = 8, MatrixPadding = 64;

    // Kernels beyond this do not stay in the cache while blocks pass by.
    private const int MostKernels = 128 * 128;

    private readonly int images, parts, inChannels, outChannels;
    private readonly long inImage, outImage, inMatrix, outMatrix, kernel;
    private readonly WinogradTiles inTiles, outTiles;

    /// <param name="images">Images, N.</param>
    /// <param name="height">Their height, H, pixels.</param>
    /// <param name="width">Their width, W, pixels.</param>
    /// <param name="inChannels">Channels in, C.</param>
    /// <param name="outChannels">Channels out, K.</param>
    public WinogradInCache(int images, int height, int width, int inChannels, int outChannels)
    {
        (this.images, this.inChannels, this.outChannels) = (images, inChannels, outChannels);
        parts = Math.Min(images, Math.Max(MostParts, get_num_threads()));
        (inImage, outImage) = ((long)height * width * inChannels, (long)height * width * outChannels);
        // Matrices at powers of two would fall on the same cache sets.
        (inMatrix, outMatrix) = (BlockTiles * inChannels + MatrixPadding, BlockTiles * outChannels + MatrixPadding);
        kernel = (long)inChannels * outChannels;
        inTiles = new WinogradTiles(height, width, inChannels);
        outTiles = new WinogradTiles(height, width, outChannels);
    }

    /// <summary>Whether a layer can be computed here and is faster so.</summary>
    public static bool Suits(long inChannels, long outChannels) =>
        MatrixKernel.IsSupported && inChannels % MatrixKernel.ColumnStep == 0 && outChannels % MatrixKernel.ColumnStep == 0
        && inChannels * outChannels <= MostKernels;

    /// <summary>The convolution.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="kernels">[36, K, C].</param>
    /// <param name="y">[N, H, W, K], overwritten.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    public void Forward(Tensor x, Tensor kernels, Tensor y, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        var transposed = workspace.Take("transposed kernels", kernels.numel()).view([WinogradTransforms.Products, inChannels, outChannels]);
        transposed.copy_(kernels.transpose(1, 2));
        float* source = TensorMemory.Start(x), target = TensorMemory.Start(y), u = TensorMemory.Start(transposed), room = Room(workspace);
        TorchThreads.For(parts, part =>
        {
            var (start, count) = Part(part);
            float* v = room + part * PartRoom, m = v + WinogradTransforms.Products * inMatrix;
            Forward(source + start * inImage, count * inTiles.PerImage, u, v, m, target + start * outImage);
        });
    }

    /// <summary>The gradients of the input and of the kernels.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="dy">[N, H, W, K].</param>
    /// <param name="kernels">[36, K, C].</param>
    /// <param name="dx">[N, H, W, C], overwritten.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <returns>[36, K, C], in the workspace's memory; the caller's dispose scope owns the view.</returns>
    public Tensor Backward(Tensor x, Tensor dy, Tensor kernels, Tensor dx, Workspace workspace)
    {
        using var scope = NewDisposeScope();
        long size = kernels.numel();
        var sums = workspace.Take("kernel gradients", parts * size).view([parts, WinogradTransforms.Products, outChannels, inChannels]);
        float* source = TensorMemory.Start(x), gradient = TensorMemory.Start(dy), u = TensorMemory.Start(kernels);
        float* target = TensorMemory.Start(dx), du = TensorMemory.Start(sums), room = Room(workspace);
        TorchThreads.For(parts, part =>
        {
            var (start, count) = Part(part);
            float* v = room + part * PartRoom, dm = v + WinogradTransforms.Products * inMatrix;
            Backward(source + start * inImage, gradient + start * outImage, count * inTiles.PerImage, u, v, dm, target + start * inImage, du + part * size);
        });
        var total = sums.select(0, 0);
        for (int part = 1; part < parts; part++) total.add_(sums.select(0, part));
        return total.MoveToOuterDisposeScope();
    }

    private void Forward(float* x, int tiles, float* u, float* v, float* m, float* y)
    {
        for (int first = 0; first < tiles; first += BlockTiles)
        {
            int count = Math.Min(BlockTiles, tiles - first);
            inTiles.FromInput(x, first, count, v, inMatrix);
            for (int i = 0; i < WinogradTransforms.Products; i++)
                MatrixKernel.Multiply(v + i * inMatrix, inChannels, 1, u + i * kernel, m + i * outMatrix, Rows(count), inChannels, outChannels, add: false);
            outTiles.ToOutput(m, outMatrix, first, count, y);
        }
    }

    private void Backward(float* x, float* dy, int tiles, float* u, float* v, float* dm, float* dx, float* du)
    {
        for (int first = 0; first < tiles; first += BlockTiles)
        {
            int count = Math.Min(BlockTiles, tiles - first);
            inTiles.FromInput(x, first, count, v, inMatrix);
            outTiles.FromOutputGradient(dy, first, count, dm, outMatrix);
            for (int i = 0; i < WinogradTransforms.Products; i++)
            {
                float* vi = v + i * inMatrix, dmi = dm + i * outMatrix;
                MatrixKernel.Multiply(dmi, 1, outChannels, vi, du + i * kernel, outChannels, count, inChannels, add: first > 0);
                MatrixKernel.Multiply(dmi, outChannels, 1, u + i * kernel, vi, Rows(count), outChannels, inChannels, add: false); // v is done with
            }
            inTiles.ToInputGradient(v, inMatrix, first, count, dx);
        }
    }

    private long PartRoom => WinogradTransforms.Products * (inMatrix + outMatrix);

    private float* Room(Workspace workspace) => TensorMemory.Start(workspace.Take("blocks", parts * PartRoom));

    private (long Start, int Count) Part(int part)
    {
        long start = (long)images * part / parts;
        return (start, (int)((long)images * (part + 1) / parts - start));
    }

    // The rows beyond the tiles hold what was there before; no row has a say in another.
    private static int Rows(int tiles) => (tiles + MatrixKernel.RowStep - 1) / MatrixKernel.RowStep * MatrixKernel.RowStep;
}
