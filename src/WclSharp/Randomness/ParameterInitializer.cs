using System.Runtime.InteropServices;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Randomness;

/// <summary>Draws initial weights, each tensor from a stream of its own, so that a seed gives the same network on every machine.</summary>
/// <param name="seed">The run's seed.</param>
/// <param name="convolutions">What convolutions start from.</param>
internal sealed class ParameterInitializer(long seed, ConvInit convolutions = ConvInit.Torchvision)
{
    private readonly CounterRandom random = new(seed, RandomPurpose.Initialisation);
    private uint nextTensor;

    /// <summary>Weights of a convolution, [out, in, kernel, kernel] float32.</summary>
    public Tensor Convolution(int inChannels, int outChannels, int kernel)
    {
        long[] shape = [outChannels, inChannels, kernel, kernel];
        double places = (double)kernel * kernel;
        return convolutions == ConvInit.Torchvision
            ? Normal(shape, Math.Sqrt(2 / (outChannels * places)))
            : Uniform(shape, Math.Sqrt(1 / (inChannels * places)));
    }

    /// <summary>A float32 tensor of normal numbers with mean 0 (Box-Muller).</summary>
    public Tensor Normal(long[] shape, double standardDeviation) => Fill(shape, (u1, u2) =>
    {
        double radius = standardDeviation * Math.Sqrt(-2 * Math.Log(1 - u1));
        return ((float)(radius * Math.Cos(2 * Math.PI * u2)), (float)(radius * Math.Sin(2 * Math.PI * u2)));
    });

    /// <summary>A float32 tensor of uniform numbers in [-bound, bound).</summary>
    public Tensor Uniform(long[] shape, double bound) => Fill(shape, (u1, u2) => ((float)(bound * (2 * u1 - 1)), (float)(bound * (2 * u2 - 1))));

    private Tensor Fill(long[] shape, Func<float, float, (float, float)> transform)
    {
        uint stream = nextTensor++;
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        Parallel.For(0, (values.Length + 4095) / 4096, block =>
        {
            int end = Math.Min(values.Length, (block + 1) * 4096);
            for (int i = block * 4096; i < end; i += 4)
            {
                var (a, b, c, d) = random.Uniforms(stream, (uint)i, 0, 0);
                var (v0, v1) = transform(a, b);
                var (v2, v3) = transform(c, d);
                values[i] = v0;
                if (i + 1 < end) values[i + 1] = v1;
                if (i + 2 < end) values[i + 2] = v2;
                if (i + 3 < end) values[i + 3] = v3;
            }
        });
        // Into libtorch's own memory: a tensor over the array would pin it for the run, at any alignment.
        var weights = empty(shape, ScalarType.Float32);
        MemoryMarshal.AsBytes<float>(values).CopyTo(weights.bytes);
        return weights;
    }
}
