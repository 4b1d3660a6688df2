using System.Numerics;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// The loops of batch norm with ReLU over a [R, C] matrix of float32 (pixels of all images, channels). All work on a
/// channel's row of vectors; C is a multiple of <see cref="ChannelStep"/>.
/// </summary>
internal static unsafe class BatchNormKernels
{
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
                float* sum = target + (long)block * 2 * channels;
                for (int c = 0; c < channels; c += 2 * Values.Count)
                {
                    Values shift0 = At(x + c), shift1 = At(x + c + Values.Count);
                    Values s0 = default, s1 = default, q0 = default, q1 = default;
                    float* row = x + start * channels + c;
                    for (long r = 0; r < count; r++, row += channels)
                    {
                        var d0 = At(row) - shift0;
                        var d1 = At(row + Values.Count) - shift1;
                        s0 += d0;
                        s1 += d1;
                        q0 = Vector.FusedMultiplyAdd(d0, d0, q0);
                        q1 = Vector.FusedMultiplyAdd(d1, d1, q1);
                    }
                    At(sum + c) = s0;
                    At(sum + c + Values.Count) = s1;
                    At(sum + channels + c) = q0;
                    At(sum + channels + c + Values.Count) = q1;
                }
            });
        }

        for (int c = 0; c < channels; c++)
        {
            double sum = 0, squares = 0;
            for (int block = 0; block < blocks.Count; block++)
            {
                sum += partial[block * 2 * channels + c];
                squares += partial[block * 2 * channels + channels + c];
            }
            double difference = sum / rows;
            mean[c] = (float)(x[c] + difference);
            variance[c] = (float)Math.Max(0, squares / rows - difference * difference);
        }
    }

    /// <summary>y = max(0, x scale + shift + residual); the residual may be null.</summary>
    public static void Apply(float* x, float* residual, long rows, int channels, float* scale, float* shift, float* y)
    {
        var blocks = new RowBlocks(rows, channels);
        TorchThreads.For(blocks.Count, block =>
        {
            var (start, count) = blocks[block];
            for (long i = start * channels; i < (start + count) * channels; i += channels)
                for (int c = 0; c < channels; c += Values.Count)
                {
                    var value = Scaled(x + i, scale, shift, c);
                    if (residual is not null) value += At(residual + i + c);
                    At(y + i + c) = Vector.Max(value, Values.Zero);
                }
        });
    }

    /// <summary>
    /// Adds the sums over rows of g and of g (x - mean), where g is the gradient that ReLU lets through. y is the output
    /// where a residual was added; null where the sign of x scale + shift tells.
    /// </summary>
    public static void GradientSums(float* dy, float* x, float* y, long rows, int channels, float* scale, float* shift, float* mean, double[] sum, double[] product)
    {
        var blocks = new RowBlocks(rows, channels);
        float[] partial = new float[blocks.Count * 2 * channels];
        fixed (float* sums = partial)
        {
            float* target = sums;
            TorchThreads.For(blocks.Count, block =>
            {
                var (start, count) = blocks[block];
                float* here = target + (long)block * 2 * channels;
                for (int c = 0; c < channels; c += Values.Count)
                {
                    var centre = At(mean + c);
                    Values s = default, p = default;
                    for (long r = start; r < start + count; r++)
                    {
                        long i = r * channels;
                        var g = Passed(dy + i, x + i, y is null ? null : y + i, scale, shift, c);
                        s += g;
                        p = Vector.FusedMultiplyAdd(g, At(x + i + c) - centre, p);
                    }
                    At(here + c) = s;
                    At(here + channels + c) = p;
                }
            });
        }

        for (int block = 0; block < blocks.Count; block++)
            for (int c = 0; c < channels; c++)
            {
                sum[c] += partial[block * 2 * channels + c];
                product[c] += partial[block * 2 * channels + channels + c];
            }
    }

    /// <summary>dx = g scale + x slope + offset; g itself, the residual's gradient, where that is not null.</summary>
    public static void InputGradient(float* dy, float* x, float* y, long rows, int channels, float* scale, float* shift, float* slope, float* offset, float* dx, float* residual)
    {
        var blocks = new RowBlocks(rows, channels);
        TorchThreads.For(blocks.Count, block =>
        {
            var (start, count) = blocks[block];
            for (long i = start * channels; i < (start + count) * channels; i += channels)
                for (int c = 0; c < channels; c += Values.Count)
                {
                    var g = Passed(dy + i, x + i, y is null ? null : y + i, scale, shift, c);
                    if (residual is not null) At(residual + i + c) = g;
                    At(dx + i + c) = Vector.FusedMultiplyAdd(g, At(scale + c), Vector.FusedMultiplyAdd(At(x + i + c), At(slope + c), At(offset + c)));
                }
        });
    }

    private static ref Values At(float* place) => ref *(Values*)place;

    private static Values Scaled(float* x, float* scale, float* shift, int c) => Vector.FusedMultiplyAdd(At(x + c), At(scale + c), At(shift + c));

    /// <summary>The gradient where ReLU was open: the same arithmetic as forward, so the same sign.</summary>
    private static Values Passed(float* dy, float* x, float* y, float* scale, float* shift, int c)
    {
        var output = y is null ? Scaled(x, scale, shift, c) : At(y + c);
        return Vector.ConditionalSelect(Vector.GreaterThan(output, Values.Zero), At(dy + c), Values.Zero);
    }
}
