using TorchSharp;
using WclSharp.Encoders;
using static TorchSharp.torch;

namespace WclSharp.Kernels;

/// <summary>
/// relu(batch norm(x) + residual) while training, in float32 on the CPU, as one operator: two passes over memory forward
/// and two backward, where separate operators take some three times as many.
/// </summary>
internal sealed class BatchNormReLU : autograd.SingleTensorFunction<BatchNormReLU>
{
    private static readonly Scalar One = 1; // made once: see Optimizer.Begin
    [ThreadStatic] private static autograd.AutogradContext? applied;

    /// <inheritdoc/>
    public override string Name => nameof(BatchNormReLU);

    /// <summary>Whether this can be computed here; else libtorch's operators do it.</summary>
    public static bool Suits(BatchNormalisation norm, Tensor x) =>
        norm.training && x.dtype == ScalarType.Float32 && x.device_type == DeviceType.CPU && x.shape[1] % BatchNormKernels.ChannelStep == 0
        && norm.weight is not null && norm.running_mean is not null;

    /// <summary>The activation; updates the running statistics as batch norm by itself does.</summary>
    /// <param name="norm">Batch norm in training mode.</param>
    /// <param name="x">[N, C, H, W] float32, channels-last.</param>
    /// <param name="residual">As x, added before ReLU; null for none.</param>
    /// <returns>[N, C, H, W] channels-last.</returns>
    public static Tensor Apply(BatchNormalisation norm, Tensor x, Tensor? residual)
    {
        var y = apply(x, norm.weight!, norm.bias!, residual!, norm);
        AutogradMemory.FreeSpareOutput(applied!);
        applied = null;
        return y;
    }

    /// <inheritdoc/>
    public override unsafe Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var (input, weight, bias, residual, norm) = ((Tensor)arguments[0], (Tensor)arguments[1], (Tensor)arguments[2], (Tensor?)arguments[3], (BatchNormalisation)arguments[4]);
        applied = context;
        using var scope = NewDisposeScope();
        var x = Rows(input);                                            // [N, H, W, C]
        var added = residual is null ? null : Rows(residual);
        int channels = (int)x.shape[3];
        long rows = x.numel() / channels;
        var statistics = empty([4, channels], ScalarType.Float32);      // mean, 1 / deviation, scale, shift
        float* mean = TensorMemory.Start(statistics), inverse = mean + channels, scale = inverse + channels, shift = scale + channels;
        float* gamma = TensorMemory.Start(weight), beta = TensorMemory.Start(bias);
        BatchNormKernels.Statistics(TensorMemory.Start(x), rows, channels, mean, inverse);
        UpdateRunning(norm, mean, inverse, rows, channels);
        for (int c = 0; c < channels; c++)
        {
            inverse[c] = (float)(1 / Math.Sqrt(inverse[c] + norm.eps));
            scale[c] = gamma[c] * inverse[c];
            shift[c] = beta[c] - mean[c] * scale[c];
        }

        var y = empty(x.shape, ScalarType.Float32);
        BatchNormKernels.Apply(TensorMemory.Start(x), added is null ? null : TensorMemory.Start(added), rows, channels, scale, shift, TensorMemory.Start(y));
        // With a residual the sign is in the output. Its alias, not itself: a graph must not hold its own output.
        context.save_for_backward(residual is null
            ? [x.MoveToOuterDisposeScope(), statistics.MoveToOuterDisposeScope()]
            : [x.MoveToOuterDisposeScope(), statistics.MoveToOuterDisposeScope(), y.alias().MoveToOuterDisposeScope()]);
        return y.permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override unsafe List<Tensor> backward(autograd.AutogradContext context, Tensor outputGradient)
    {
        AutogradMemory.FreeReturned();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var saved = context.get_saved_variables();
        Tensor x = saved[0], statistics = saved[1];                     // [N, H, W, C], [4, C]
        var y = saved.Count > 2 ? saved[2] : null;
        var dy = Rows(outputGradient);
        int channels = (int)x.shape[3];
        long rows = x.numel() / channels;
        float* mean = TensorMemory.Start(statistics), inverse = mean + channels, scale = inverse + channels, shift = scale + channels;
        float* source = TensorMemory.Start(x), gradient = TensorMemory.Start(dy), output = y is null ? null : TensorMemory.Start(y);
        var (sum, product) = BatchNormKernels.GradientSums(gradient, source, output, rows, channels, scale, shift, mean);

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

        var dx = empty(x.shape, ScalarType.Float32);
        var dr = y is null ? null : empty(x.shape, ScalarType.Float32);
        BatchNormKernels.InputGradient(gradient, source, output, rows, channels, scale, shift, slope, offset,
            TensorMemory.Start(dx), dr is null ? null : TensorMemory.Start(dr));

        var gradients = AutogradMemory.Return(dx.permute(0, 3, 1, 2), lines.select(0, 2).clone(), lines.select(0, 3).clone(), dr?.permute(0, 3, 1, 2), null);
        outputGradient.Dispose();
        foreach (var tensor in saved) tensor.Dispose();
        context.Dispose(); // what was saved, now and not with the graph
        return gradients;
    }

    private static unsafe void UpdateRunning(BatchNormalisation norm, float* mean, float* variance, long rows, int channels)
    {
        float* runningMean = TensorMemory.Start(norm.running_mean!), runningVariance = TensorMemory.Start(norm.running_var!);
        double momentum = norm.momentum ?? 0.1, unbiased = rows / Math.Max(1.0, rows - 1);
        norm.num_batches_tracked!.add_(One, One);
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
