using System.Numerics;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// The gradient of a Winograd convolution's input, from that of its tiles. Tiles overlap, so a pixel is a sum of up to four tiles' parts: in float32,
/// also where images are bfloat16, and rounded once.
/// </summary>
/// <typeparam name="TPixel">How images lie in memory.</typeparam>
internal sealed unsafe class WinogradInputGradient<TPixel>(int height, int width, int channels) where TPixel : struct, IElements
{
    private readonly WinogradTiles<Float32Elements, Float32Elements> tiles = new(height, width, channels);

    /// <summary>Whether images can hold the sums themselves.</summary>
    public static bool IsDirect => TPixel.Type == Float32Elements.Type;

    /// <summary>Values of an image.</summary>
    public long ImageValues => (long)height * width * channels;

    /// <summary>The adjoint of <see cref="WinogradTiles{TPixel, TTile}.FromInput(byte*, int, int, float*, long)"/> of some tiles, added to images of sums.</summary>
    /// <param name="matrices">Products of the tiles.</param>
    /// <param name="stride">Values from one matrix to the next.</param>
    /// <param name="first">First tile.</param>
    /// <param name="count">How many.</param>
    /// <param name="sums">Where the images begin.</param>
    /// <param name="clear">Whether an image is cleared with its first tile; else the sum goes on from what it holds.</param>
    public void Add(float* matrices, long stride, int first, int count, float* sums, bool clear)
    {
        int perImage = tiles.PerImage;
        if (clear)
            for (int i = (first + perImage - 1) / perImage; i * perImage < first + count; i++) new Span<float>(sums + i * ImageValues, (int)ImageValues).Clear();
        tiles.Walk<InputAdjointMap>((byte*)sums, first, count, matrices, stride, channels);
    }

    /// <summary>The same of every tile of some images, on all threads.</summary>
    public void Sum(Tensor matrices, Tensor sums, bool clear) =>
        tiles.ForEachImage(sums, matrices, (image, tile, stride) => Add(tile, stride, 0, tiles.PerImage, (float*)image, clear));

    /// <summary>Begins sums with images.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Load(byte* images, long values, float* sums)
    {
        int step = 2 * Vector<float>.Count;
        for (long i = 0; i < values; i += step)
        {
            var (first, second) = TPixel.Load(images + i * TPixel.Size);
            Float32Elements.Store((byte*)(sums + i), first, second);
        }
    }

    /// <summary>Rounds sums to images.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Store(float* sums, long values, byte* images)
    {
        int step = 2 * Vector<float>.Count;
        for (long i = 0; i < values; i += step)
        {
            var (first, second) = Float32Elements.Load((byte*)(sums + i));
            TPixel.Store(images + i * TPixel.Size, first, second);
        }
    }

    private readonly struct InputAdjointMap : ITileMap
    {
        public static int Side => WinogradTransforms.Inputs;
        public static int Offset => -1;

        public static void Map<T, TElement, TNumber>(byte** pixels, float* products, nint stride, int channels, float* scratch)
            where T : struct, ILanes<T> where TElement : struct, IElements where TNumber : struct, IElements =>
            WinogradTransforms.InputAdjoint<T>(products, stride, (float**)pixels, channels, scratch);
    }
}
