using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Carries images to and from Winograd's tiles. Images are [n, H, W, C], contiguous; tiles are
/// [36, n * tiles, C]: one matrix of (tile, channel) for each product, ready for matrix products, whose results are float32.
/// </summary>
/// <remarks>
/// A border of one pixel of zeros surrounds an image (padding 1); tiles that hang over the edge read zeros and write nothing.
/// </remarks>
/// <typeparam name="TPixel">How images lie in memory.</typeparam>
/// <typeparam name="TTile">How tiles that are to be multiplied lie in memory.</typeparam>
[SkipLocalsInit]
internal sealed unsafe class WinogradTiles<TPixel, TTile>(int height, int width, int channels) where TPixel : struct, IElements where TTile : struct, IElements
{
    private const int MatrixPadding = 64, Alignment = 64;
    private const int ScratchValues = WinogradTransforms.Products * 16 + Alignment / sizeof(float); // 16 lanes at most
    private readonly int down = (height + WinogradTransforms.Outputs - 1) / WinogradTransforms.Outputs;
    private readonly int across = (width + WinogradTransforms.Outputs - 1) / WinogradTransforms.Outputs;
    private readonly bool wide = Vector512.IsHardwareAccelerated && channels % Vector512<float>.Count == 0;

    /// <summary>Tiles of an image.</summary>
    public int PerImage => down * across;

    /// <summary>Bytes of an image.</summary>
    public long ImageBytes => (long)height * width * channels * TPixel.Size;

    /// <summary>Words of 32 bits that a row of tiles that are to be multiplied takes: channels, or pairs of them.</summary>
    public int RowWords => TileKernel<TTile>.Words(channels);

    /// <summary>Room for tiles of some images that are to be multiplied, [36, images * tiles, <see cref="RowWords"/>] words, uninitialised.</summary>
    /// <inheritdoc cref="Empty"/>
    public Tensor Operands(int images, Workspace workspace, string purpose) => Empty(images, RowWords, workspace, purpose, padded: true);

    /// <summary>Room for the products of some images' tiles, [36, images * tiles, C] float32, uninitialised.</summary>
    /// <inheritdoc cref="Empty"/>
    public Tensor Products(int images, Workspace workspace, string purpose, bool padded) => Empty(images, channels, workspace, purpose, padded);

    /// <summary>Room for a matrix of a row a tile for each product.</summary>
    /// <param name="images">Images.</param>
    /// <param name="words">Words of 32 bits of a row.</param>
    /// <param name="workspace">Where to take the memory from.</param>
    /// <param name="purpose">What for: see <see cref="Workspace.Take"/>.</param>
    /// <param name="padded">
    /// True for tiles that our own loops write: the rows of different matrices would fall on the same cache sets if these lay
    /// at powers of two, and products take rows in <see cref="MatrixKernel.RowStep"/>s. A product of libtorch's must not be: it would go through a copy.
    /// </param>
    private Tensor Empty(int images, int words, Workspace workspace, string purpose, bool padded)
    {
        long rows = (long)images * PerImage, matrix = padded ? MatrixKernel.Rows(rows) * words + MatrixPadding : rows * words;
        var memory = workspace.Take(purpose, WinogradTransforms.Products * matrix);
        return memory.as_strided([WinogradTransforms.Products, rows, words], [matrix, words, 1], 0);
    }

    /// <summary>B' d B of every tile of the input of a convolution.</summary>
    public void FromInput(Tensor images, Tensor tiles) =>
        ForEachImage(images, tiles, (image, matrices, stride) => FromInput(image, 0, PerImage, matrices, stride));

    /// <summary>A' m A of every tile: the output of a convolution.</summary>
    public void ToOutput(Tensor tiles, Tensor images) =>
        ForEachImage(images, tiles, (image, matrices, stride) => ToOutput(matrices, stride, 0, PerImage, image));

    /// <summary>The adjoint of <see cref="ToOutput(Tensor, Tensor)"/>: A y A' of every tile of the output's gradient.</summary>
    public void FromOutputGradient(Tensor images, Tensor tiles) =>
        ForEachImage(images, tiles, (image, matrices, stride) => FromOutputGradient(image, 0, PerImage, matrices, stride));

    /// <summary><see cref="FromInput(Tensor, Tensor)"/> of some tiles.</summary>
    /// <param name="images">The first image.</param>
    /// <param name="first">The first of the tiles, counted from the first image's first.</param>
    /// <param name="count">Tiles.</param>
    /// <param name="matrices">Where the first tile goes in the first of the 36 matrices.</param>
    /// <param name="stride">Words of 32 bits from one matrix to the next.</param>
    public void FromInput(byte* images, int first, int count, float* matrices, long stride) => Walk<InputMap>(images, first, count, matrices, stride, RowWords);

    /// <summary><see cref="ToOutput(Tensor, Tensor)"/> of some tiles.</summary>
    public void ToOutput(float* matrices, long stride, int first, int count, byte* images) => Walk<OutputMap>(images, first, count, matrices, stride, channels);

    /// <summary><see cref="FromOutputGradient(Tensor, Tensor)"/> of some tiles.</summary>
    public void FromOutputGradient(byte* images, int first, int count, float* matrices, long stride) => Walk<OutputAdjointMap>(images, first, count, matrices, stride, RowWords);

    /// <summary>Calls something for each of some tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Walk<TMap>(byte* images, int first, int count, float* matrices, long stride, int rowWords) where TMap : struct, ITileMap
    {
        var pixels = stackalloc byte*[WinogradTransforms.Products];
        var room = stackalloc float[ScratchValues];
        var scratch = Aligned(room);
        var outside = stackalloc float[channels]; // where an image has no pixel: zeros to read, or written and never read
        new Span<float>(outside, channels).Clear();
        for (int tile = first; tile < first + count; tile++, matrices += rowWords)
        {
            Places(images, (byte*)outside, tile, TMap.Side, TMap.Offset, pixels);
            if (wide) TMap.Map<WideLanes, TPixel, TTile>(pixels, matrices, (nint)stride, channels, scratch);
            else TMap.Map<UsualLanes, TPixel, TTile>(pixels, matrices, (nint)stride, channels, scratch);
        }
    }

    /// <summary>Calls something for each image and its tiles, on all threads.</summary>
    internal void ForEachImage(Tensor images, Tensor tiles, ImageKernel kernel)
    {
        byte* image = TensorMemory.Bytes(images);
        float* matrices = TensorMemory.Start(tiles);
        long imageBytes = ImageBytes, tileStride = PerImage * tiles.stride(1), matrixStride = tiles.stride(0);
        TorchThreads.For((int)images.size(0), n => kernel(image + n * imageBytes, matrices + n * tileStride, matrixStride));
    }

    /// <summary>The first place of the stack's that no vector from there on crosses a cache line at.</summary>
    private static float* Aligned(float* place) => (float*)(((nuint)place + Alignment - 1) / Alignment * Alignment);

    /// <summary>Where the pixels of a square of a tile lie, row by row; <paramref name="outside"/> for those that no image has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Places(byte* images, byte* outside, int tile, int side, int offset, byte** places)
    {
        byte* image = images + tile / PerImage * ImageBytes;
        int pixel = channels * TPixel.Size;
        int place = tile % PerImage, top = place / across * WinogradTransforms.Outputs + offset, left = place % across * WinogradTransforms.Outputs + offset;
        for (int y = top; y < top + side; y++)
            for (int x = left; x < left + side; x++)
                *places++ = y >= 0 && y < height && x >= 0 && x < width ? image + ((long)y * width + x) * pixel : outside;
    }

    internal delegate void ImageKernel(byte* image, float* matrices, long matrixStride);

    private readonly struct InputMap : ITileMap
    {
        public static int Side => WinogradTransforms.Inputs;
        public static int Offset => -1;

        public static void Map<T, TElement, TNumber>(byte** pixels, float* products, nint stride, int channels, float* scratch)
            where T : struct, ILanes<T> where TElement : struct, IElements where TNumber : struct, IElements =>
            WinogradTransforms.Input<T, TElement, TNumber>(pixels, products, stride, channels, scratch);
    }

    private readonly struct OutputMap : ITileMap
    {
        public static int Side => WinogradTransforms.Outputs;
        public static int Offset => 0;

        public static void Map<T, TElement, TNumber>(byte** pixels, float* products, nint stride, int channels, float* scratch)
            where T : struct, ILanes<T> where TElement : struct, IElements where TNumber : struct, IElements =>
            WinogradTransforms.Output<T, TElement>(products, stride, pixels, channels, scratch);
    }

    private readonly struct OutputAdjointMap : ITileMap
    {
        public static int Side => WinogradTransforms.Outputs;
        public static int Offset => 0;

        public static void Map<T, TElement, TNumber>(byte** pixels, float* products, nint stride, int channels, float* scratch)
            where T : struct, ILanes<T> where TElement : struct, IElements where TNumber : struct, IElements =>
            WinogradTransforms.OutputAdjoint<T, TElement, TNumber>(pixels, products, stride, channels, scratch);
    }
}

/// <summary>One of <see cref="WinogradTransforms"/>, and the square of pixels that it takes.</summary>
internal unsafe interface ITileMap
{
    /// <summary>Side of the square, pixels.</summary>
    static abstract int Side { get; }

    /// <summary>Where it begins, from a tile's first output on.</summary>
    static abstract int Offset { get; }

    /// <summary>The map, of one tile.</summary>
    static abstract void Map<T, TElement, TNumber>(byte** pixels, float* products, nint stride, int channels, float* scratch)
        where T : struct, ILanes<T> where TElement : struct, IElements where TNumber : struct, IElements;
}
