using System.Numerics;
using TorchSharp;
using WclSharp.Encoders;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// Batch norm on the CPU with what follows it, relu(batch norm(x) + residual), as one operator: two passes over memory forward and two backward, where
/// separate operators take some three times as many; one pass where nothing is trained. ReLU may be left out.
/// </summary>
internal static class FusedBatchNorm
{
    /// <summary>Whether this can be computed here; else libtorch's operators do it.</summary>
    public static bool Suits(BatchNormalization norm, Tensor x) =>
        (norm.training || !is_grad_enabled()) && x.dtype is ScalarType.Float32 or ScalarType.BFloat16 && x.device_type == DeviceType.CPU
        && norm.weight!.dtype == ScalarType.Float32 && x.size(1) % (2 * Vector<float>.Count) == 0;

    /// <summary>The activation; updates the running statistics as batch norm by itself does.</summary>
    /// <param name="norm">Batch norm.</param>
    /// <param name="x">[N, C, H, W] float32 or bfloat16, channels-last. Overwritten where nothing is trained.</param>
    /// <param name="residual">As x, added before ReLU; null for none.</param>
    /// <param name="rectified">Whether ReLU follows; without it there is no residual.</param>
    /// <param name="sum">Takes the residual's gradient; null for autograd.</param>
    /// <returns>[N, C, H, W] of x's dtype, channels-last.</returns>
    public static Tensor Apply(BatchNormalization norm, Tensor x, Tensor? residual, bool rectified = true, GradientSum? sum = null)
    {
        return x.dtype == ScalarType.BFloat16 ? As<BFloat16Elements>() : As<Float32Elements>();

        Tensor As<T>() where T : struct, IElements => rectified ? FusedBatchNorm<T, Relu>.Apply(norm, x, residual, sum) : FusedBatchNorm<T, Identity>.Apply(norm, x, residual, sum);
    }

    /// <summary>Scale and shift of every channel: gamma (x - mean) / sqrt(variance + eps) + beta as one product and sum.</summary>
    public static unsafe void Line(BatchNormalization norm, float* mean, float* variance, int channels, float* inverse, float* scale, float* shift)
    {
        float* gamma = TensorMemory.Start(norm.weight!), beta = TensorMemory.Start(norm.bias!);
        for (int c = 0; c < channels; c++)
        {
            inverse[c] = (float)(1 / Math.Sqrt(variance[c] + norm.eps));
            scale[c] = gamma[c] * inverse[c];
            shift[c] = beta[c] - mean[c] * scale[c];
        }
    }
}

/// <summary><see cref="FusedBatchNorm"/> as an autograd function.</summary>
/// <typeparam name="T">How activations lie in memory.</typeparam>
/// <typeparam name="TActivation">What follows.</typeparam>
internal sealed class FusedBatchNorm<T, TActivation> : autograd.SingleTensorFunction<FusedBatchNorm<T, TActivation>>
    where T : struct, IElements where TActivation : struct, IActivation
{
    private const int Statistics = 4; // rows of a part's

    [ThreadStatic] private static autograd.AutogradContext? applied;

    /// <inheritdoc/>
    public override string Name => nameof(FusedBatchNorm);

    /// <summary>The activation of batch norm(x) + residual.</summary>
    public static Tensor Apply(BatchNormalization norm, Tensor x, Tensor? residual, GradientSum? sum)
    {
        if (!norm.training || !is_grad_enabled()) return Overwrite(norm, x, residual);
        var y = apply(x, norm.weight!, norm.bias!, residual!, norm, sum!);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return y;
    }

    /// <inheritdoc/>
    public override unsafe Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        // Weight and bias are arguments so that the engine knows of them; they are read from the module.
        var (input, residual, norm, sum) = ((Tensor)arguments[0], (Tensor?)arguments[3], (BatchNormalization)arguments[4], (GradientSum?)arguments[5]);
        applied = context;
        sum?.Join();
        context.save_data("sum", sum!);
        using var scope = NewDisposeScope();
        var x = Rows(input);                                            // [N, H, W, C]
        var added = residual is null ? null : Rows(residual);
        var y = empty(x.shape, T.Type);
        var mask = residual is null ? null : empty(ReluMask.Bytes(x.numel()), ScalarType.Byte); // else x tells
        var statistics = Normalise(norm, x, added, y, norm.Parts, mask);
        context.save_for_backward(mask is null
            ? [x.MoveToOuterDisposeScope(), statistics.MoveToOuterDisposeScope()]
            : [x.MoveToOuterDisposeScope(), statistics.MoveToOuterDisposeScope(), mask.MoveToOuterDisposeScope()]);
        return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext context, Tensor outputGradient) =>
        BackwardErrors.Hold(() => Gradients(context, outputGradient));

    private static unsafe List<Tensor> Gradients(autograd.AutogradContext context, Tensor outputGradient)
    {
        AutogradMemory.FreeReturned();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var saved = BackwardErrors.Saved(context);
        Tensor x = saved[0], statistics = saved[1];                     // [N, H, W, C], [P, 4, C]
        var mask = saved.Count > 2 ? saved[2] : null;
        var dy = Rows(outputGradient);
        var dx = empty(x.shape, T.Type);
        var dr = mask is null ? null : empty(x.shape, T.Type);
        var parts = new Parts(x, statistics.size(0));
        int channels = parts.Channels;
        var lines = zeros([4, channels], ScalarType.Float32);           // slope, offset, dweight, dbias
        float* slope = TensorMemory.Start(lines), offset = slope + channels, weightGradient = offset + channels, biasGradient = weightGradient + channels;
        for (int part = 0; part < parts.Count; part++)
        {
            float* mean = TensorMemory.Start(statistics) + part * Statistics * channels, inverse = mean + channels, scale = inverse + channels, shift = scale + channels;
            byte* source = parts.Of(x, part), gradient = parts.Of(dy, part), bits = parts.MaskOf(mask, part);
            var (sum, product) = BatchNormKernels<T>.GradientSums(gradient, source, bits, parts.Rows, channels, scale, shift, mean, TActivation.Floor);
            for (int c = 0; c < channels; c++)
            {
                // dx = scale (g - mean(g) - x^ mean(g x^)), x^ = (x - mean) / deviation (Ioffe and Szegedy 2015, section 3)
                double normalised = product[c] * inverse[c];
                slope[c] = (float)(-scale[c] * inverse[c] * normalised / parts.Rows);
                offset[c] = (float)(-scale[c] * sum[c] / parts.Rows - slope[c] * (double)mean[c]);
                weightGradient[c] += (float)normalised;
                biasGradient[c] += (float)sum[c];
            }
            BatchNormKernels<T>.InputGradient(gradient, source, bits, parts.Rows, channels, scale, shift, slope, offset, TActivation.Floor, parts.Of(dx, part), parts.Of(dr, part));
        }

        if (dr is not null && context.get_data("sum") is GradientSum { IsShared: true } shared)
        {
            shared.Leave(dr);
            dr = null;
        }
        var gradients = AutogradMemory.Return(dx.permute(0, 3, 1, 2), lines.select(0, 2).clone(), lines.select(0, 3).clone(), dr?.permute(0, 3, 1, 2), null, null);
        outputGradient.Dispose();
        foreach (var tensor in saved) tensor.Dispose();
        context.Dispose(); // what was saved, now and not with the graph
        return gradients;
    }

    /// <summary>Without a graph, in x's memory: nothing will ask for x again. With x's statistics in training mode, else with the running ones.</summary>
    private static Tensor Overwrite(BatchNormalization norm, Tensor x, Tensor? residual)
    {
        using var scope = NewDisposeScope();
        var y = Rows(x);                                                // [N, H, W, C]
        Normalise(norm, y, residual is null ? null : Rows(residual), y, norm.training ? norm.Parts : 1, null);
        return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>Writes y, which may be x; in training mode with the statistics of each part and to the running ones, else with these.</summary>
    /// <returns>[P, 4, C]: mean, 1 / deviation, scale and shift of each part.</returns>
    private static unsafe Tensor Normalise(BatchNormalization norm, Tensor x, Tensor? added, Tensor y, int count, Tensor? mask)
    {
        var parts = new Parts(x, count);
        int channels = parts.Channels;
        var statistics = empty([count, Statistics, channels], ScalarType.Float32);
        for (int part = 0; part < count; part++)
        {
            float* mean = TensorMemory.Start(statistics) + part * Statistics * channels, inverse = mean + channels, scale = inverse + channels, shift = scale + channels;
            if (norm.training)
            {
                BatchNormKernels<T>.Statistics(parts.Of(x, part), parts.Rows, channels, mean, inverse);
                if (norm.UpdatesRunningStatistics) UpdateRunning(norm, mean, inverse, parts.Rows, channels);
                FusedBatchNorm.Line(norm, mean, inverse, channels, inverse, scale, shift);
            }
            else
            {
                FusedBatchNorm.Line(norm, TensorMemory.Start(norm.running_mean!), TensorMemory.Start(norm.running_var!), channels, inverse, scale, shift);
            }
            BatchNormKernels<T>.Apply(parts.Of(x, part), parts.Of(added, part), parts.Rows, channels, scale, shift, TActivation.Floor, parts.Of(y, part), parts.MaskOf(mask, part));
        }
        return statistics;
    }

    private static unsafe void UpdateRunning(BatchNormalization norm, float* mean, float* variance, long rows, int channels)
    {
        float* runningMean = TensorMemory.Start(norm.running_mean!), runningVariance = TensorMemory.Start(norm.running_var!);
        double momentum = norm.momentum ?? 0.1, unbiased = rows / Math.Max(1.0, rows - 1);
        norm.CountBatch();
        for (int c = 0; c < channels; c++)
        {
            runningMean[c] = (float)((1 - momentum) * runningMean[c] + momentum * mean[c]);
            runningVariance[c] = (float)((1 - momentum) * runningVariance[c] + momentum * unbiased * variance[c]);
        }
    }

    private static Tensor Rows(Tensor images)
    {
        using var permuted = images.permute(0, 2, 3, 1);
        return permuted.contiguous();
    }

    /// <summary>A batch [N, H, W, C] in equal parts of its images, one after the other: the second pass over a part finds it in the cache.</summary>
    private readonly unsafe struct Parts(Tensor x, long count)
    {
        public int Count { get; } = (int)count;

        public int Channels { get; } = (int)x.size(3);

        /// <summary>Pixels of a part.</summary>
        public long Rows { get; } = x.numel() / x.size(3) / count;

        /// <summary>Where a part of a tensor of x's shape begins; null of null.</summary>
        public byte* Of(Tensor? tensor, int part) => tensor is null ? null : TensorMemory.Bytes(tensor) + part * Rows * Channels * T.Size;

        /// <summary>Where a part of a mask begins; null of null.</summary>
        public byte* MaskOf(Tensor? mask, int part) => mask is null ? null : TensorMemory.Bytes(mask) + ReluMask.Bytes(part * Rows * Channels);
    }
}
