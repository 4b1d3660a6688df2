using System.Numerics;
using System.Runtime.CompilerServices;
using static WclSharp.Kernels.ChannelNumbers;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// The loops by which batch norm, and what follows it, write a [R, C] matrix (pixels of all images, channels), float32 or bfloat16 in memory
/// and float32 inside; C is a multiple of <see cref="Step"/>. Each loop is cut into blocks of rows, which threads share out. The sums are those of <see cref="BatchNormSums{T}"/>.
/// </summary>
/// <typeparam name="T">How activations lie in memory. Numbers of a channel are float32.</typeparam>
internal static unsafe class BatchNormKernels<T> where T : struct, IElements
{
    // Compiled at once, since tiers would leave the first steps to slow code; pointers are arguments and not captured,
    // since captured ones would be read again at every turn.
    private const MethodImplOptions Loop = MethodImplOptions.AggressiveOptimization, Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>y = max(floor, line(x) + residual); the residual may be null, or be what a line of its own makes of it. A floor of 0 is ReLU, one of minus infinity nothing. The mask, of the values above it, is written where there is a residual; null for none.</summary>
    public static void Apply(byte* x, BatchNormLine line, byte* residual, BatchNormLine? residualLine, long rows, int channels, float floor, byte* y, byte* mask)
    {
        if (y != x && StreamedStores<T>.Suit(rows * channels)) Apply<StreamedStores<T>>(x, line, residual, residualLine, rows, channels, floor, y, mask);
        else Apply<CachedStores<T>>(x, line, residual, residualLine, rows, channels, floor, y, mask);
    }

    private static void Apply<TStores>(byte* x, BatchNormLine line, byte* residual, BatchNormLine? residualLine, long rows, int channels, float floor, byte* y, byte* mask) where TStores : struct, IStores
    {
        var blocks = new RowBlocks(rows, channels);
        float* residualScale = residualLine is { } around ? around.Scale : null, residualShift = residualLine is { } same ? same.Shift : null;
        TorchThreads.For(blocks.Count, block =>
        {
            var (start, count) = blocks[block];
            long at = start * channels * T.Size;
            if (residual is null) ApplyBlock<TStores>(x + at, count, channels, line.Scale, line.Shift, floor, y + at);
            else ApplyBlock<TStores>(x + at, residual + at, count, channels, line.Scale, line.Shift, residualScale, residualShift, floor, y + at, ReluMask.At(mask, start * channels));
        });
    }

    /// <summary>dx = g scale + x slope + offset.</summary>
    public static void InputGradient(byte* dy, byte* x, BatchNormLine line, long rows, int channels, float floor, byte* dx)
    {
        if (StreamedStores<T>.Suit(rows * channels)) InputGradient<StreamedStores<T>>(dy, x, line, rows, channels, floor, dx);
        else InputGradient<CachedStores<T>>(dy, x, line, rows, channels, floor, dx);
    }

    private static void InputGradient<TStores>(byte* dy, byte* x, BatchNormLine line, long rows, int channels, float floor, byte* dx) where TStores : struct, IStores
    {
        var blocks = new RowBlocks(rows, channels);
        TorchThreads.For(blocks.Count, block =>
        {
            var (start, count) = blocks[block];
            long at = start * channels * T.Size;
            InputGradientBlock<TStores>(dy + at, x + at, count, channels, line.Scale, line.Shift, line.Slope, line.Offset, floor, dx + at);
        });
    }

    /// <summary>The same where a residual was added, by the mask, and the residual's gradient: g itself, or where it was what a line made of it that line's.</summary>
    public static void InputGradients(byte* dy, byte* x, BatchNormLine line, byte* mask, long rows, int channels, byte* dx, byte* residual, BatchNormLine? residualLine, byte* residualGradient)
    {
        if (StreamedStores<T>.Suit(rows * channels)) InputGradients<StreamedStores<T>>(dy, x, line, mask, rows, channels, dx, residual, residualLine, residualGradient);
        else InputGradients<CachedStores<T>>(dy, x, line, mask, rows, channels, dx, residual, residualLine, residualGradient);
    }

    private static void InputGradients<TStores>(byte* dy, byte* x, BatchNormLine line, byte* mask, long rows, int channels, byte* dx, byte* residual, BatchNormLine? residualLine, byte* residualGradient) where TStores : struct, IStores
    {
        var blocks = new RowBlocks(rows, channels);
        TorchThreads.For(blocks.Count, block =>
        {
            var (start, count) = blocks[block];
            long at = start * channels * T.Size;
            byte* bits = ReluMask.At(mask, start * channels);
            InputGradientBlock<TStores>(dy + at, x + at, bits, count, channels, line.Scale, line.Slope, line.Offset, dx + at, residualLine is null ? residualGradient + at : null);
            if (residualLine is { } around) InputGradientBlock<TStores>(dy + at, residual + at, bits, count, channels, around.Scale, around.Slope, around.Offset, residualGradient + at, null); // dy is in the cache
        });
    }

    [MethodImpl(Loop)]
    private static void ApplyBlock<TStores>(byte* x, long rows, int channels, float* scale, float* shift, float floor, byte* y) where TStores : struct, IStores
    {
        var least = new Values(floor);
        int step = 2 * Values.Count * T.Size;
        for (long r = 0; r < rows; r++)
            for (int c = 0; c < channels; c += 2 * Values.Count, x += step, y += step)
            {
                var (y0, y1) = Scaled(T.Load(x), scale, shift, c);
                TStores.Store(y, Vector.Max(y0, least), Vector.Max(y1, least));
            }
    }

    [MethodImpl(Loop)]
    private static void ApplyBlock<TStores>(byte* x, byte* residual, long rows, int channels, float* scale, float* shift, float* residualScale, float* residualShift, float floor, byte* y, byte* mask) where TStores : struct, IStores
    {
        var least = new Values(floor);
        int step = 2 * Values.Count * T.Size, bytes = (int)ReluMask.Bytes(2 * Values.Count);
        for (long r = 0; r < rows; r++)
            for (int c = 0; c < channels; c += 2 * Values.Count, x += step, y += step, residual += step)
            {
                var (y0, y1) = Scaled(T.Load(x), scale, shift, c);
                var (r0, r1) = residualScale is null ? T.Load(residual) : Scaled(T.Load(residual), residualScale, residualShift, c);
                var (sum0, sum1) = (y0 + r0, y1 + r1);
                TStores.Store(y, Vector.Max(sum0, least), Vector.Max(sum1, least));
                if (mask is null) continue;
                ReluMask.Write(mask, (sum0, sum1), least);
                mask += bytes;
            }
    }

    [MethodImpl(Loop)]
    private static void InputGradientBlock<TStores>(byte* dy, byte* x, long rows, int channels, float* scale, float* shift, float* slope, float* offset, float floor, byte* dx) where TStores : struct, IStores
    {
        var least = new Values(floor);
        int step = 2 * Values.Count * T.Size;
        for (long r = 0; r < rows; r++)
            for (int c = 0; c < channels; c += 2 * Values.Count, dy += step, x += step, dx += step)
            {
                var input = T.Load(x);
                var (d0, d1) = Gradient(Passed(T.Load(dy), Scaled(input, scale, shift, c), least), input, scale, slope, offset, c);
                TStores.Store(dx, d0, d1);
            }
    }

    [MethodImpl(Loop)]
    private static void InputGradientBlock<TStores>(byte* dy, byte* x, byte* mask, long rows, int channels, float* scale, float* slope, float* offset, byte* dx, byte* residual) where TStores : struct, IStores
    {
        var bits = new ReluMask();
        int step = 2 * Values.Count * T.Size, bytes = (int)ReluMask.Bytes(2 * Values.Count);
        for (long r = 0; r < rows; r++)
            for (int c = 0; c < channels; c += 2 * Values.Count, dy += step, x += step, mask += bytes, dx += step)
            {
                var g = bits.Pass(mask, T.Load(dy));
                if (residual is not null)
                {
                    TStores.Store(residual, g.Item1, g.Item2);
                    residual += step;
                }
                var (d0, d1) = Gradient(g, T.Load(x), scale, slope, offset, c);
                TStores.Store(dx, d0, d1);
            }
    }

    [MethodImpl(Inline)]
    private static (Values, Values) Gradient((Values, Values) g, (Values, Values) x, float* scale, float* slope, float* offset, int c)
    {
        var (a0, a1) = At(scale + c);
        var (s0, s1) = At(slope + c);
        var (o0, o1) = At(offset + c);
        return (Vector.FusedMultiplyAdd(g.Item1, a0, Vector.FusedMultiplyAdd(x.Item1, s0, o0)),
            Vector.FusedMultiplyAdd(g.Item2, a1, Vector.FusedMultiplyAdd(x.Item2, s1, o1)));
    }
}
