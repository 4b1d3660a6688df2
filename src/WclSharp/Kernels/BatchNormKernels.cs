using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// The loops of batch norm and what follows it over a [R, C] matrix (pixels of all images, channels), float32 or bfloat16 in memory
/// and float32 inside; C is a multiple of <see cref="ChannelStep"/>. Each loop is cut into blocks of rows, which threads share out.
/// </summary>
/// <typeparam name="T">How activations lie in memory. Numbers of a channel are float32.</typeparam>
internal static unsafe class BatchNormKernels<T> where T : struct, IElements
{
    // Compiled at once, since tiers would leave the first steps to slow code; pointers are arguments and not captured,
    // since captured ones would be read again at every turn.
    private const MethodImplOptions Loop = MethodImplOptions.AggressiveOptimization, Inline = MethodImplOptions.AggressiveInlining;

    // A sum goes through so many stretches of its rows at once, each in order of memory, and takes its totals so far out of the cache and back once for all. The
    // processor fetches such stretches ahead, not rows that lie side by side; of two or three matrices it keeps fewer of them apart.
    private const int StretchesOfOne = 8, StretchesOfMore = 4;

    // Blocks whose sums are kept until all are there: no more than these, unless float32 would have to sum more than so many rows.
    private const int MostSums = 64, MostRowsOfASum = 4096;

    private const int RowsOfOrigin = 16;

    /// <summary>Channels that are worked on side by side.</summary>
    public static int ChannelStep => 2 * Values.Count;

    /// <summary>Mean and variance (biased) of every channel.</summary>
    /// <remarks>Sums are of differences to the mean of a few rows, so that neither a mean far from zero nor one odd row costs digits; over blocks in float64.</remarks>
    public static void Statistics(byte* x, long rows, int channels, float* mean, float* variance)
    {
        var blocks = BlocksOfSums(rows, channels);
        float[] partial = ArrayPool<float>.Shared.Rent(blocks.Count * 2 * channels), usual = new float[channels];
        fixed (float* sums = partial, origin = usual)
        {
            MeanOfFew(x, rows, channels, origin);
            float* target = sums, centre = origin; // a lambda takes no fixed local
            TorchThreads.For(blocks.Count, block =>
            {
                var (start, count) = blocks[block];
                SumDifferences(x + start * channels * T.Size, centre, count, channels, target + (long)block * 2 * channels);
            });
        }

        var (differences, squares) = Total(partial, blocks.Count, channels);
        ArrayPool<float>.Shared.Return(partial);
        for (int c = 0; c < channels; c++)
        {
            double difference = differences[c] / rows;
            mean[c] = (float)(usual[c] + difference);
            variance[c] = (float)Math.Max(0, squares[c] / rows - difference * difference);
        }
    }

    /// <summary>The mean of rows that are spread over all.</summary>
    private static void MeanOfFew(byte* x, long rows, int channels, float* mean)
    {
        long count = Math.Min(rows, RowsOfOrigin), apart = rows / count * channels * T.Size;
        var share = new Values(1f / count);
        for (int c = 0; c < channels; c += ChannelStep)
        {
            Values a = default, b = default;
            byte* place = x + (long)c * T.Size;
            for (long r = 0; r < count; r++, place += apart)
            {
                var (x0, x1) = T.Load(place);
                (a, b) = (a + x0 * share, b + x1 * share);
            }
            Put(mean + c, a, b);
        }
    }

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
            else ApplyBlock<TStores>(x + at, residual + at, count, channels, line.Scale, line.Shift, residualScale, residualShift, floor, y + at, MaskOf(mask, start * channels));
        });
    }

    /// <summary>
    /// The sums over rows of g and of g (x - mean), where g is the gradient of what lies above the floor. The mask tells that where a
    /// residual was added; null where the line does.
    /// </summary>
    public static (double[] Sum, double[] Product) GradientSums(byte* dy, byte* x, BatchNormLine line, byte* mask, long rows, int channels, float floor)
    {
        var blocks = BlocksOfSums(rows, channels);
        float[] partial = ArrayPool<float>.Shared.Rent(blocks.Count * 2 * channels);
        fixed (float* sums = partial)
        {
            float* target = sums;
            TorchThreads.For(blocks.Count, block =>
            {
                var (start, count) = blocks[block];
                long at = start * channels * T.Size;
                SumGradients(dy + at, x + at, MaskOf(mask, start * channels), count, channels, line.Scale, line.Shift, line.Mean, floor, target + (long)block * 2 * channels);
            });
        }
        var totals = Total(partial, blocks.Count, channels);
        ArrayPool<float>.Shared.Return(partial);
        return totals;
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
            byte* bits = MaskOf(mask, start * channels);
            InputGradientBlock<TStores>(dy + at, x + at, bits, count, channels, line.Scale, line.Slope, line.Offset, dx + at, residualLine is null ? residualGradient + at : null);
            if (residualLine is { } around) InputGradientBlock<TStores>(dy + at, residual + at, bits, count, channels, around.Scale, around.Slope, around.Offset, residualGradient + at, null); // dy is in the cache
        });
    }

    private static byte* MaskOf(byte* mask, long values) => mask is null ? null : mask + ReluMask.Bytes(values);

    private static RowBlocks BlocksOfSums(long rows, int channels) => new(rows, channels, most: (int)Math.Max(MostSums, rows / MostRowsOfASum));

    [MethodImpl(Loop)]
    private static void SumDifferences(byte* x, float* origin, long rows, int channels, float* sums)
    {
        long row = (long)channels * T.Size, part = rows / StretchesOfOne, apart = part * row;
        new Span<float>(sums, 2 * channels).Clear();
        for (long r = 0; r < part; r++, x += row) Sum(x, apart, StretchesOfOne, origin, channels, sums);
        Sum(x + (StretchesOfOne - 1) * apart, row, rows - part * StretchesOfOne, origin, channels, sums);

        [MethodImpl(Inline)]
        static void Sum(byte* x, long apart, long count, float* origin, int channels, float* sums)
        {
            for (int c = 0; c < channels; c += 2 * Values.Count)
            {
                var (shift0, shift1) = At(origin + c);
                var (s0, s1) = At(sums + c);
                var (q0, q1) = At(sums + channels + c);
                byte* place = x + (long)c * T.Size;
                for (long r = 0; r < count; r++, place += apart)
                {
                    var (x0, x1) = T.Load(place);
                    x0 -= shift0;
                    x1 -= shift1;
                    s0 += x0;
                    s1 += x1;
                    q0 = Vector.FusedMultiplyAdd(x0, x0, q0);
                    q1 = Vector.FusedMultiplyAdd(x1, x1, q1);
                }
                Put(sums + c, s0, s1);
                Put(sums + channels + c, q0, q1);
            }
        }
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
    private static void SumGradients(byte* dy, byte* x, byte* mask, long rows, int channels, float* scale, float* shift, float* mean, float floor, float* sums)
    {
        long row = (long)channels * T.Size, part = rows / StretchesOfMore, apart = part * row;
        var bits = new ReluMask();
        new Span<float>(sums, 2 * channels).Clear();
        for (long r = 0; r < part; r++) Sum(dy, x, mask, bits, r * row, apart, StretchesOfMore, channels, scale, shift, mean, floor, sums);
        Sum(dy, x, mask, bits, part * StretchesOfMore * row, row, rows - part * StretchesOfMore, channels, scale, shift, mean, floor, sums);

        [MethodImpl(Inline)]
        static void Sum(byte* dy, byte* x, byte* mask, ReluMask bits, long start, long apart, long count, int channels, float* scale, float* shift, float* mean, float floor, float* sums)
        {
            var least = new Values(floor);
            for (int c = 0; c < channels; c += 2 * Values.Count)
            {
                var (mean0, mean1) = At(mean + c);
                var (s0, s1) = At(sums + c);
                var (p0, p1) = At(sums + channels + c);
                long at = start + (long)c * T.Size;
                for (long r = 0; r < count; r++, at += apart)
                {
                    var input = T.Load(x + at);
                    var gradient = T.Load(dy + at);
                    var (g0, g1) = mask is null ? Passed(gradient, Scaled(input, scale, shift, c), least) : bits.Pass(mask + ReluMask.Bytes(at / T.Size), gradient);
                    s0 += g0;
                    s1 += g1;
                    p0 = Vector.FusedMultiplyAdd(g0, input.Item1 - mean0, p0);
                    p1 = Vector.FusedMultiplyAdd(g1, input.Item2 - mean1, p1);
                }
                Put(sums + c, s0, s1);
                Put(sums + channels + c, p0, p1);
            }
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

    private static (double[] First, double[] Second) Total(float[] partial, int blocks, int channels)
    {
        double[] first = new double[channels], second = new double[channels];
        for (int block = 0; block < blocks; block++)
        {
            var sums = partial.AsSpan(block * 2 * channels, 2 * channels);
            Add(sums[..channels], first);
            Add(sums[channels..], second);
        }
        return (first, second);
    }

    private static void Add(ReadOnlySpan<float> more, double[] sums)
    {
        var from = MemoryMarshal.Cast<float, Values>(more);             // ChannelStep: no rest
        var to = MemoryMarshal.Cast<double, Vector<double>>(sums.AsSpan());
        for (int i = 0; i < from.Length; i++)
        {
            Vector.Widen(from[i], out var low, out var high);
            to[2 * i] += low;
            to[2 * i + 1] += high;
        }
    }

    [MethodImpl(Inline)]
    private static (Values, Values) At(float* place) => Float32Elements.Load((byte*)place);

    [MethodImpl(Inline)]
    private static void Put(float* place, Values first, Values second) => Float32Elements.Store((byte*)place, first, second);

    [MethodImpl(Inline)]
    private static (Values, Values) Scaled((Values, Values) x, float* scale, float* shift, int c)
    {
        var (a0, a1) = At(scale + c);
        var (b0, b1) = At(shift + c);
        return (Vector.FusedMultiplyAdd(x.Item1, a0, b0), Vector.FusedMultiplyAdd(x.Item2, a1, b1));
    }

    /// <summary>The gradient where the output lay above the floor. Forward's arithmetic gives the same output again.</summary>
    [MethodImpl(Inline)]
    private static (Values, Values) Passed((Values, Values) dy, (Values, Values) output, Values floor) =>
        (Vector.ConditionalSelect(Vector.GreaterThan(output.Item1, floor), dy.Item1, Values.Zero),
            Vector.ConditionalSelect(Vector.GreaterThan(output.Item2, floor), dy.Item2, Values.Zero));

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
