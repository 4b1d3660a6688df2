using System.Numerics;
using System.Runtime.CompilerServices;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// The loops of batch norm with ReLU over a [R, C] matrix of float32 (pixels of all images, channels); C is a multiple of
/// <see cref="ChannelStep"/>. Each loop is cut into blocks of rows, which threads share out.
/// </summary>
internal static unsafe class BatchNormKernels
{
    // Compiled at once, since tiers would leave the first steps to slow code; pointers are arguments and not captured,
    // since captured ones would be read again at every turn.
    private const MethodImplOptions Loop = MethodImplOptions.AggressiveOptimization, Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Channels that are summed side by side.</summary>
    public static readonly int ChannelStep = 2 * Values.Count;

    /// <summary>Mean and variance (biased) of every channel.</summary>
    /// <remarks>Sums are of differences to the first row, so that a mean far from zero costs no digits; over blocks in float64.</remarks>
    public static void Statistics(float* x, long rows, int channels, float* mean, float* variance)
    {
        var blocks = new RowBlocks(rows, channels);
        float[] partial = new float[blocks.Count * 2 * channels];
        fixed (float* sums = partial)
        {
            float* target = sums; // a lambda takes no fixed local
            TorchThreads.For(blocks.Count, block =>
            {
                var (start, count) = blocks[block];
                SumDifferences(x + start * channels, x, count, channels, target + (long)block * 2 * channels);
            });
        }

        var (differences, squares) = Total(partial, blocks.Count, channels);
        for (int c = 0; c < channels; c++)
        {
            double difference = differences[c] / rows;
            mean[c] = (float)(x[c] + difference);
            variance[c] = (float)Math.Max(0, squares[c] / rows - difference * difference);
        }
    }

    /// <summary>y = max(0, x scale + shift + residual); the residual may be null.</summary>
    public static void Apply(float* x, float* residual, long rows, int channels, float* scale, float* shift, float* y)
    {
        var blocks = new RowBlocks(rows, channels);
        TorchThreads.For(blocks.Count, block =>
        {
            var (start, count) = blocks[block];
            long at = start * channels;
            if (residual is null) ApplyBlock(x + at, count, channels, scale, shift, y + at);
            else ApplyBlock(x + at, residual + at, count, channels, scale, shift, y + at);
        });
    }

    /// <summary>
    /// The sums over rows of g and of g (x - mean), where g is the gradient that ReLU lets through. y is the output where a
    /// residual was added; null where the sign of x scale + shift tells.
    /// </summary>
    public static (double[] Sum, double[] Product) GradientSums(float* dy, float* x, float* y, long rows, int channels, float* scale, float* shift, float* mean)
    {
        var blocks = new RowBlocks(rows, channels);
        float[] partial = new float[blocks.Count * 2 * channels];
        fixed (float* sums = partial)
        {
            float* target = sums;
            TorchThreads.For(blocks.Count, block =>
            {
                var (start, count) = blocks[block];
                long at = start * channels;
                SumGradients(dy + at, x + at, y is null ? null : y + at, count, channels, scale, shift, mean, target + (long)block * 2 * channels);
            });
        }
        return Total(partial, blocks.Count, channels);
    }

    /// <summary>dx = g scale + x slope + offset; g itself, the residual's gradient, where that is not null.</summary>
    public static void InputGradient(float* dy, float* x, float* y, long rows, int channels, float* scale, float* shift, float* slope, float* offset, float* dx, float* residual)
    {
        var blocks = new RowBlocks(rows, channels);
        TorchThreads.For(blocks.Count, block =>
        {
            var (start, count) = blocks[block];
            long at = start * channels;
            if (y is null) InputGradientBlock(dy + at, x + at, count, channels, scale, shift, slope, offset, dx + at);
            else InputGradientBlock(dy + at, x + at, y + at, count, channels, scale, slope, offset, dx + at, residual + at);
        });
    }

    [MethodImpl(Loop)]
    private static void SumDifferences(float* x, float* first, long rows, int channels, float* sums)
    {
        for (int c = 0; c < channels; c += 2 * Values.Count)
        {
            Values shift0 = At(first + c), shift1 = At(first + c + Values.Count);
            Values s0 = default, s1 = default, q0 = default, q1 = default;
            float* row = x + c;
            for (long r = 0; r < rows; r++, row += channels)
            {
                var d0 = At(row) - shift0;
                var d1 = At(row + Values.Count) - shift1;
                s0 += d0;
                s1 += d1;
                q0 = Vector.FusedMultiplyAdd(d0, d0, q0);
                q1 = Vector.FusedMultiplyAdd(d1, d1, q1);
            }
            At(sums + c) = s0;
            At(sums + c + Values.Count) = s1;
            At(sums + channels + c) = q0;
            At(sums + channels + c + Values.Count) = q1;
        }
    }

    [MethodImpl(Loop)]
    private static void ApplyBlock(float* x, long rows, int channels, float* scale, float* shift, float* y)
    {
        for (float* end = x + rows * channels; x < end; x += channels, y += channels)
            for (int c = 0; c < channels; c += Values.Count)
                At(y + c) = Vector.Max(Scaled(At(x + c), scale, shift, c), Values.Zero);
    }

    [MethodImpl(Loop)]
    private static void ApplyBlock(float* x, float* residual, long rows, int channels, float* scale, float* shift, float* y)
    {
        for (float* end = x + rows * channels; x < end; x += channels, y += channels, residual += channels)
            for (int c = 0; c < channels; c += Values.Count)
                At(y + c) = Vector.Max(Scaled(At(x + c), scale, shift, c) + At(residual + c), Values.Zero);
    }

    [MethodImpl(Loop)]
    private static void SumGradients(float* dy, float* x, float* y, long rows, int channels, float* scale, float* shift, float* mean, float* sums)
    {
        for (int c = 0; c < channels; c += 2 * Values.Count)
        {
            int next = c + Values.Count;
            Values mean0 = At(mean + c), mean1 = At(mean + next);
            Values s0 = default, s1 = default, p0 = default, p1 = default;
            long i = c;
            for (long r = 0; r < rows; r++, i += channels)
            {
                Values x0 = At(x + i), x1 = At(x + i + Values.Count);
                var g0 = Passed(At(dy + i), y is null ? Scaled(x0, scale, shift, c) : At(y + i));
                var g1 = Passed(At(dy + i + Values.Count), y is null ? Scaled(x1, scale, shift, next) : At(y + i + Values.Count));
                s0 += g0;
                s1 += g1;
                p0 = Vector.FusedMultiplyAdd(g0, x0 - mean0, p0);
                p1 = Vector.FusedMultiplyAdd(g1, x1 - mean1, p1);
            }
            At(sums + c) = s0;
            At(sums + next) = s1;
            At(sums + channels + c) = p0;
            At(sums + channels + next) = p1;
        }
    }

    [MethodImpl(Loop)]
    private static void InputGradientBlock(float* dy, float* x, long rows, int channels, float* scale, float* shift, float* slope, float* offset, float* dx)
    {
        for (float* end = x + rows * channels; x < end; x += channels, dy += channels, dx += channels)
            for (int c = 0; c < channels; c += Values.Count)
            {
                var input = At(x + c);
                At(dx + c) = Gradient(Passed(At(dy + c), Scaled(input, scale, shift, c)), input, scale, slope, offset, c);
            }
    }

    [MethodImpl(Loop)]
    private static void InputGradientBlock(float* dy, float* x, float* y, long rows, int channels, float* scale, float* slope, float* offset, float* dx, float* residual)
    {
        for (float* end = x + rows * channels; x < end; x += channels, dy += channels, y += channels, dx += channels, residual += channels)
            for (int c = 0; c < channels; c += Values.Count)
            {
                var g = Passed(At(dy + c), At(y + c));
                At(residual + c) = g;
                At(dx + c) = Gradient(g, At(x + c), scale, slope, offset, c);
            }
    }

    private static (double[] First, double[] Second) Total(float[] partial, int blocks, int channels)
    {
        double[] first = new double[channels], second = new double[channels];
        for (int block = 0; block < blocks; block++)
            for (int c = 0; c < channels; c++)
            {
                first[c] += partial[block * 2 * channels + c];
                second[c] += partial[block * 2 * channels + channels + c];
            }
        return (first, second);
    }

    [MethodImpl(Inline)]
    private static ref Values At(float* place) => ref *(Values*)place;

    [MethodImpl(Inline)]
    private static Values Scaled(Values x, float* scale, float* shift, int c) => Vector.FusedMultiplyAdd(x, At(scale + c), At(shift + c));

    /// <summary>The gradient where ReLU was open. Forward's arithmetic gives the same sign again.</summary>
    [MethodImpl(Inline)]
    private static Values Passed(Values dy, Values output) => Vector.ConditionalSelect(Vector.GreaterThan(output, Values.Zero), dy, Values.Zero);

    [MethodImpl(Inline)]
    private static Values Gradient(Values g, Values x, float* scale, float* slope, float* offset, int c) =>
        Vector.FusedMultiplyAdd(g, At(scale + c), Vector.FusedMultiplyAdd(x, At(slope + c), At(offset + c)));
}
