using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static WclSharp.Kernels.ChannelNumbers;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// Batch norm's sums over the rows of a [R, C] matrix, as <see cref="BatchNormKernels{T}"/> has it: the statistics of forward, and what backward needs of the gradient. Each is cut into
/// blocks of rows, which threads share out; a block sums in float32, and the blocks' sums are added in float64.
/// </summary>
/// <typeparam name="T">How activations lie in memory. Numbers of a channel are float32.</typeparam>
internal static unsafe class BatchNormSums<T> where T : struct, IElements
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
        for (int c = 0; c < channels; c += Step)
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
                SumGradients(dy + at, x + at, ReluMask.At(mask, start * channels), count, channels, line.Scale, line.Shift, line.Mean, floor, target + (long)block * 2 * channels);
            });
        }
        var totals = Total(partial, blocks.Count, channels);
        ArrayPool<float>.Shared.Return(partial);
        return totals;
    }

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
        var from = MemoryMarshal.Cast<float, Values>(more);             // Step: no rest
        var to = MemoryMarshal.Cast<double, Vector<double>>(sums.AsSpan());
        for (int i = 0; i < from.Length; i++)
        {
            Vector.Widen(from[i], out var low, out var high);
            to[2 * i] += low;
            to[2 * i + 1] += high;
        }
    }
}
