using System.Numerics;
using TorchSharp;
using WclSharp.Encoders;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// relu(batch norm(x) + residual) on the CPU as one operator: two passes over memory forward and two backward, where
/// separate operators take some three times as many; one pass where nothing is trained.
/// </summary>
internal static class BatchNormReLU
{
    /// <summary>Whether this can be computed here; else libtorch's operators do it.</summary>
    public static bool Suits(BatchNormalisation norm, Tensor x) =>
        (norm.training || !is_grad_enabled()) && x.dtype is ScalarType.Float32 or ScalarType.BFloat16 && x.device_type == DeviceType.CPU
        && norm.weight!.dtype == ScalarType.Float32 && x.size(1) % (2 * Vector<float>.Count) == 0;

    /// <summary>The activation; updates the running statistics as batch norm by itself does.</summary>
    /// <param name="norm">Batch norm.</param>
    /// <param name="x">[N, C, H, W] float32 or bfloat16, channels-last. Overwritten where nothing is trained.</param>
    /// <param name="residual">As x, added before ReLU; null for none.</param>
    /// <returns>[N, C, H, W] of x's dtype, channels-last.</returns>
    public static Tensor Apply(BatchNormalisation norm, Tensor x, Tensor? residual) => x.dtype == ScalarType.BFloat16
        ? BatchNormReLU<BFloat16Elements>.Apply(norm, x, residual)
        : BatchNormReLU<Float32Elements>.Apply(norm, x, residual);

    /// <summary>Scale and shift of every channel: gamma (x - mean) / sqrt(variance + eps) + beta as one product and sum.</summary>
    public static unsafe void Line(BatchNormalisation norm, float* mean, float* variance, int channels, float* inverse, float* scale, float* shift)
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

/// <summary><see cref="BatchNormReLU"/> as an autograd function.</summary>
/// <typeparam name="T">How activations lie in memory.</typeparam>
internal sealed class BatchNormReLU<T> : autograd.SingleTensorFunction<BatchNormReLU<T>> where T : struct, IElements
{
    [ThreadStatic] private static autograd.AutogradContext? applied;

    /// <inheritdoc/>
    public override string Name => nameof(BatchNormReLU);

    /// <inheritdoc cref="BatchNormReLU.Apply"/>
    public static Tensor Apply(BatchNormalisation norm, Tensor x, Tensor? residual)
    {
        if (!norm.training || !is_grad_enabled()) return Overwrite(norm, x, residual);
        var y = apply(x, norm.weight!, norm.bias!, residual!, norm);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return y;
    }

    /// <inheritdoc/>
    public override unsafe Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        // Weight and bias are arguments so that the engine knows of them; they are read from the module.
        var (input, residual, norm) = ((Tensor)arguments[0], (Tensor?)arguments[3], (BatchNormalisation)arguments[4]);
        applied = context;
        using var scope = NewDisposeScope();
        var x = Rows(input);                                            // [N, H, W, C]
        var added = residual is null ? null : Rows(residual);
        int channels = (int)x.size(3);
        long rows = x.numel() / channels;
        var statistics = empty([4, channels], ScalarType.Float32);      // mean, 1 / deviation, scale, shift
        float* mean = TensorMemory.Start(statistics), inverse = mean + channels, scale = inverse + channels, shift = scale + channels;
        BatchNormKernels<T>.Statistics(TensorMemory.Bytes(x), rows, channels, mean, inverse);
        if (norm.UpdatesRunningStatistics) UpdateRunning(norm, mean, inverse, rows, channels);
        BatchNormReLU.Line(norm, mean, inverse, channels, inverse, scale, shift);

        var y = empty(x.shape, T.Type);
        BatchNormKernels<T>.Apply(TensorMemory.Bytes(x), TensorMemory.Bytes(added), rows, channels, scale, shift, TensorMemory.Bytes(y));
        // With a residual the sign is in the output. Its alias, not itself: a graph must not hold its own output.
        context.save_for_backward(residual is null
            ? [x.MoveToOuterDisposeScope(), statistics.MoveToOuterDisposeScope()]
            : [x.MoveToOuterDisposeScope(), statistics.MoveToOuterDisposeScope(), y.alias().MoveToOuterDisposeScope()]);
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
        var saved = context.get_saved_variables();
        Tensor x = saved[0], statistics = saved[1];                     // [N, H, W, C], [4, C]
        var y = saved.Count > 2 ? saved[2] : null;
        var dy = Rows(outputGradient);
        int channels = (int)x.size(3);
        long rows = x.numel() / channels;
        float* mean = TensorMemory.Start(statistics), inverse = mean + channels, scale = inverse + channels, shift = scale + channels;
        byte* source = TensorMemory.Bytes(x), gradient = TensorMemory.Bytes(dy), output = TensorMemory.Bytes(y);
        var (sum, product) = BatchNormKernels<T>.GradientSums(gradient, source, output, rows, channels, scale, shift, mean);

        var lines = empty([4, channels], ScalarType.Float32);           // slope, offset, dweight, dbias
        float* slope = TensorMemory.Start(lines), offset = slope + channels, weightGradient = offset + channels, biasGradient = weightGradient + channels;
        for (int c = 0; c < channels; c++)
        {
            // dx = scale (g - mean(g) - x^ mean(g x^)), x^ = (x - mean) / deviation (Ioffe and Szegedy 2015, section 3)
            double normalised = product[c] * inverse[c];
            slope[c] = (float)(-scale[c] * inverse[c] * normalised / rows);
            offset[c] = (float)(-scale[c] * sum[c] / rows - slope[c] * (double)mean[c]);
            weightGradient[c] = (float)normalised;
            biasGradient[c] = (float)sum[c];
        }

        var dx = empty(x.shape, T.Type);
        var dr = y is null ? null : empty(x.shape, T.Type);
        BatchNormKernels<T>.InputGradient(gradient, source, output, rows, channels, scale, shift, slope, offset,
            TensorMemory.Bytes(dx), TensorMemory.Bytes(dr));

        var gradients = AutogradMemory.Return(dx.permute(0, 3, 1, 2), lines.select(0, 2).clone(), lines.select(0, 3).clone(), dr?.permute(0, 3, 1, 2), null);
        outputGradient.Dispose();
        foreach (var tensor in saved) tensor.Dispose();
        context.Dispose(); // what was saved, now and not with the graph
        return gradients;
    }

    /// <summary>Without a graph, in x's memory: nothing will ask for x again. With x's statistics in training mode, else with the running ones.</summary>
    private static unsafe Tensor Overwrite(BatchNormalisation norm, Tensor x, Tensor? residual)
    {
        using var scope = NewDisposeScope();
        var y = Rows(x);                                                // [N, H, W, C]
        var added = residual is null ? null : Rows(residual);
        int channels = (int)y.size(3);
        long rows = y.numel() / channels;
        var statistics = empty([4, channels], ScalarType.Float32);
        float* mean = TensorMemory.Start(statistics), inverse = mean + channels, scale = inverse + channels, shift = scale + channels;
        if (norm.training)
        {
            BatchNormKernels<T>.Statistics(TensorMemory.Bytes(y), rows, channels, mean, inverse);
            if (norm.UpdatesRunningStatistics) UpdateRunning(norm, mean, inverse, rows, channels);
            BatchNormReLU.Line(norm, mean, inverse, channels, inverse, scale, shift);
        }
        else
        {
            BatchNormReLU.Line(norm, TensorMemory.Start(norm.running_mean!), TensorMemory.Start(norm.running_var!), channels, inverse, scale, shift);
        }
        BatchNormKernels<T>.Apply(TensorMemory.Bytes(y), TensorMemory.Bytes(added), rows, channels, scale, shift, TensorMemory.Bytes(y));
        return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    private static unsafe void UpdateRunning(BatchNormalisation norm, float* mean, float* variance, long rows, int channels)
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
}
