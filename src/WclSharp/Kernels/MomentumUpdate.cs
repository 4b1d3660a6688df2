using System.Numerics;
using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;
using Values = System.Numerics.Vector<float>;

namespace WclSharp.Kernels;

/// <summary>
/// v = m v + g + d w, w = w - lr v for lists of tensors on the CPU, in one pass over memory: three reads and two writes of a value, where an operator for
/// each product and sum has seven and four.
/// </summary>
internal static unsafe class MomentumUpdate
{
    private const long BlockValues = 1 << 15;

    /// <summary>Updates weights and momenta in place where they are float32 on the CPU and lie in memory as the gradients do; else does nothing.</summary>
    /// <param name="weights">w.</param>
    /// <param name="gradients">g.</param>
    /// <param name="momenta">v.</param>
    /// <param name="momentum">m.</param>
    /// <param name="decay">d.</param>
    /// <param name="rate">lr.</param>
    /// <returns>Whether it was done.</returns>
    public static bool TryApply(Tensor[] weights, Tensor[] gradients, Tensor[] momenta, double momentum, double decay, double rate)
    {
        for (int i = 0; i < weights.Length; i++)
            if (!Suits(weights[i], gradients[i], momenta[i])) return false;
        var blocks = new List<Block>();
        for (int i = 0; i < weights.Length; i++)
        {
            float* w = TensorMemory.Start(weights[i]), g = TensorMemory.Start(gradients[i]), v = TensorMemory.Start(momenta[i]);
            long count = weights[i].numel();
            for (long start = 0; start < count; start += BlockValues) blocks.Add(new(w + start, g + start, v + start, Math.Min(BlockValues, count - start)));
        }
        TorchThreads.For(blocks.Count, i => blocks[i].Update((float)momentum, (float)decay, (float)rate));
        return true;
    }

    private static bool Suits(Tensor weight, Tensor gradient, Tensor momentum)
    {
        if (weight.device_type != DeviceType.CPU || weight.dtype != ScalarType.Float32 || gradient.dtype != ScalarType.Float32 || momentum.dtype != ScalarType.Float32) return false;
        // Alike, and without gaps: then their values lie in one order, whichever.
        long[] shape = weight.shape, strides = weight.stride(), ofGradient = gradient.stride(), ofMomentum = momentum.stride();
        long last = 0;
        for (int i = 0; i < shape.Length; i++)
        {
            if (shape[i] == 1) continue; // its stride says nothing
            if (strides[i] != ofGradient[i] || strides[i] != ofMomentum[i]) return false;
            last += (shape[i] - 1) * strides[i];
        }
        return last + 1 == weight.numel();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Update(float* w, float* g, float* v, long count, float momentum, float decay, float rate)
    {
        Values kept = new(momentum), decayed = new(decay), step = new(-rate);
        long i = 0;
        for (; i + Values.Count <= count; i += Values.Count)
        {
            Values weight = *(Values*)(w + i), moved = Vector.FusedMultiplyAdd(*(Values*)(v + i), kept, Vector.FusedMultiplyAdd(weight, decayed, *(Values*)(g + i)));
            *(Values*)(v + i) = moved;
            *(Values*)(w + i) = Vector.FusedMultiplyAdd(moved, step, weight);
        }
        for (; i < count; i++)
        {
            v[i] = MathF.FusedMultiplyAdd(v[i], momentum, MathF.FusedMultiplyAdd(w[i], decay, g[i]));
            w[i] = MathF.FusedMultiplyAdd(v[i], -rate, w[i]);
        }
    }

    /// <summary>Places of so many neighbouring values of a weight, its gradient and its momentum.</summary>
    private readonly struct Block(float* weights, float* gradients, float* momenta, long count)
    {
        public void Update(float momentum, float decay, float rate) => MomentumUpdate.Update(weights, gradients, momenta, count, momentum, decay, rate);
    }
}
