using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// Carries images to and from Winograd's tiles. Images are [n, H, W, C] float32, contiguous; tiles are
/// [36, n * tiles, C]: one matrix of (tile, channel) for each product, ready for a batched matrix product.
/// </summary>
/// <remarks>
/// A border of one pixel of zeros surrounds an image (padding 1); tiles that hang over the edge read zeros and write nothing.
/// </remarks>
internal sealed unsafe class WinogradTiles(int height, int width, int channels)
{
    private const int MatrixPadding = 64;
    private readonly int down = (height + WinogradTransforms.Outputs - 1) / WinogradTransforms.Outputs;
    private readonly int across = (width + WinogradTransforms.Outputs - 1) / WinogradTransforms.Outputs;

    /// <summary>Tiles of an image.</summary>
    public int PerImage => down * across;

    /// <summary>Room for the tiles of some images, [36, images * tiles, C] float32, uninitialised.</summary>
    /// <param name="images">Images.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <param name="purpose">What for: see <see cref="Workspace.Take"/>.</param>
    /// <param name="padded">
    /// True for tiles that a kernel writes: the rows of different matrices would fall on the same cache sets if these lay
    /// at powers of two. A product's result must not be: libtorch would go through a copy.
    /// </param>
    public Tensor Empty(int images, Workspace workspace, string purpose, bool padded)
    {
        long rows = (long)images * PerImage, matrix = rows * channels + (padded ? MatrixPadding : 0);
        var memory = workspace.Take(purpose, WinogradTransforms.Products * matrix);
        return memory.as_strided([WinogradTransforms.Products, rows, channels], [matrix, channels, 1], 0);
    }

    /// <summary>B' d B of every tile of the input of a convolution.</summary>
    public void FromInput(Tensor images, Tensor tiles) => ForEachImage(images, tiles, (image, matrices, stride) =>
    {
        var pixels = stackalloc float*[WinogradTransforms.Products];
        var outside = stackalloc float[channels];
        new Span<float>(outside, channels).Clear();
        for (int tile = 0; tile < PerImage; tile++, matrices += channels)
        {
            Places(image, outside, tile, WinogradTransforms.Inputs, -1, pixels);
            FromInput(pixels, matrices, stride, channels);
        }
    });

    /// <summary>The adjoint of <see cref="FromInput(Tensor, Tensor)"/>: the gradient of the input, from that of its tiles.</summary>
    public void ToInputGradient(Tensor tiles, Tensor images) => ForEachImage(images, tiles, (image, matrices, stride) =>
    {
        var pixels = stackalloc float*[WinogradTransforms.Products];
        var outside = stackalloc float[channels]; // summed into, never read
        new Span<float>(outside, channels).Clear();
        new Span<float>(image, height * width * channels).Clear();
        for (int tile = 0; tile < PerImage; tile++, matrices += channels)
        {
            Places(image, outside, tile, WinogradTransforms.Inputs, -1, pixels);
            ToInputGradient(matrices, stride, pixels, channels);
        }
    });

    /// <summary>A' m A of every tile: the output of a convolution.</summary>
    public void ToOutput(Tensor tiles, Tensor images) => ForEachImage(images, tiles, (image, matrices, stride) =>
    {
        var pixels = stackalloc float*[WinogradTransforms.Products];
        var outside = stackalloc float[channels];
        for (int tile = 0; tile < PerImage; tile++, matrices += channels)
        {
            Places(image, outside, tile, WinogradTransforms.Outputs, 0, pixels);
            ToOutput(matrices, stride, pixels, channels);
        }
    });

    /// <summary>The adjoint of <see cref="ToOutput(Tensor, Tensor)"/>: A y A' of every tile of the output's gradient.</summary>
    public void FromOutputGradient(Tensor images, Tensor tiles) => ForEachImage(images, tiles, (image, matrices, stride) =>
    {
        var pixels = stackalloc float*[WinogradTransforms.Products];
        var outside = stackalloc float[channels];
        new Span<float>(outside, channels).Clear();
        for (int tile = 0; tile < PerImage; tile++, matrices += channels)
        {
            Places(image, outside, tile, WinogradTransforms.Outputs, 0, pixels);
            FromOutputGradient(pixels, matrices, stride, channels);
        }
    });

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromInput(float** pixels, float* matrices, long stride, int channels)
    {
        var d = stackalloc Values[WinogradTransforms.Products];
        for (int c = 0; c < channels; c += Values.Count)
        {
            for (int i = 0; i < WinogradTransforms.Products; i++) d[i] = *(Values*)(pixels[i] + c);
            WinogradTransforms.Input(d);
            var target = matrices + c;
            for (int i = 0; i < WinogradTransforms.Products; i++, target += stride) *(Values*)target = d[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ToInputGradient(float* matrices, long stride, float** pixels, int channels)
    {
        var t = stackalloc Values[WinogradTransforms.Products];
        for (int c = 0; c < channels; c += Values.Count)
        {
            var source = matrices + c;
            for (int i = 0; i < WinogradTransforms.Products; i++, source += stride) t[i] = *(Values*)source;
            WinogradTransforms.InputAdjoint(t);
            for (int i = 0; i < WinogradTransforms.Products; i++) *(Values*)(pixels[i] + c) += t[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ToOutput(float* matrices, long stride, float** pixels, int channels)
    {
        var m = stackalloc Values[WinogradTransforms.Products];
        for (int c = 0; c < channels; c += Values.Count)
        {
            var source = matrices + c;
            for (int i = 0; i < WinogradTransforms.Products; i++, source += stride) m[i] = *(Values*)source;
            WinogradTransforms.Output(m);
            for (int y = 0; y < WinogradTransforms.Outputs; y++)
                for (int x = 0; x < WinogradTransforms.Outputs; x++)
                    *(Values*)(pixels[y * WinogradTransforms.Outputs + x] + c) = m[y * WinogradTransforms.Inputs + x];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromOutputGradient(float** pixels, float* matrices, long stride, int channels)
    {
        var g = stackalloc Values[WinogradTransforms.Products];
        for (int c = 0; c < channels; c += Values.Count)
        {
            for (int y = 0; y < WinogradTransforms.Outputs; y++)
                for (int x = 0; x < WinogradTransforms.Outputs; x++)
                    g[y * WinogradTransforms.Inputs + x] = *(Values*)(pixels[y * WinogradTransforms.Outputs + x] + c);
            WinogradTransforms.OutputAdjoint(g);
            var target = matrices + c;
            for (int i = 0; i < WinogradTransforms.Products; i++, target += stride) *(Values*)target = g[i];
        }
    }

    private delegate void ImageKernel(float* image, float* matrices, long matrixStride);

    private void ForEachImage(Tensor images, Tensor tiles, ImageKernel kernel)
    {
        float* image = TensorMemory.Start(images), matrices = TensorMemory.Start(tiles);
        long imageStride = (long)height * width * channels, tileStride = (long)PerImage * channels, matrixStride = tiles.stride(0);
        TorchThreads.For((int)images.shape[0], n => kernel(image + n * imageStride, matrices + n * tileStride, matrixStride));
    }

    /// <summary>Where the pixels of a square of a tile lie, row by row; <paramref name="outside"/> for those that no image has.</summary>
    private void Places(float* image, float* outside, int tile, int side, int offset, float** places)
    {
        int top = tile / across * WinogradTransforms.Outputs + offset, left = tile % across * WinogradTransforms.Outputs + offset;
        for (int y = top; y < top + side; y++)
            for (int x = left; x < left + side; x++)
                *places++ = y >= 0 && y < height && x >= 0 && x < width ? image + ((long)y * width + x) * channels : outside;
    }
}
