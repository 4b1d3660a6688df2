using WclSharp.Encoders;

namespace WclSharp.Kernels;

/// <summary>
/// Batch norm applies a line to every channel: gamma (x - mean) / sqrt(variance + eps) + beta is scale x + shift. So does its gradient: dx = scale g + slope x + offset.
/// This holds the numbers of both, which forward keeps for backward (docs/kernels.md).
/// </summary>
/// <param name="room">[6, C] float32: mean, 1 / deviation, scale, shift, slope and offset.</param>
/// <param name="channels">C.</param>
internal readonly unsafe struct BatchNormLine(float* room, int channels)
{
    /// <summary>Rows of the room.</summary>
    public const int Numbers = 6;

    public float* Mean => room;

    public float* Inverse => room + channels;

    public float* Scale => room + 2 * channels;

    public float* Shift => room + 3 * channels;

    public float* Slope => room + 4 * channels;

    public float* Offset => room + 5 * channels;

    /// <summary>Sets the line from a batch's statistics, and updates the running ones where the norm wants that.</summary>
    /// <param name="norm">Batch norm.</param>
    /// <param name="x">[R, C].</param>
    /// <param name="rows">R.</param>
    public void Measure<T>(BatchNormalization norm, byte* x, long rows) where T : struct, IElements
    {
        BatchNormSums<T>.Statistics(x, rows, channels, Mean, Inverse);
        if (norm.UpdatesRunningStatistics) UpdateRunning(norm, Mean, Inverse, rows);
        Set(norm, Mean, Inverse);
    }

    /// <summary>Sets the line from the running statistics.</summary>
    public void TakeRunning(BatchNormalization norm) => Set(norm, TensorMemory.Start(norm.running_mean!), TensorMemory.Start(norm.running_var!));

    /// <summary>Sets the gradient's line from the sums over rows of g and of g (x - mean), and adds to the gradients of gamma and beta.</summary>
    public void SetGradient((double[] Sum, double[] Product) sums, long rows, float* gamma, float* beta)
    {
        for (int c = 0; c < channels; c++)
        {
            // dx = scale (g - mean(g) - x^ mean(g x^)), x^ = (x - mean) / deviation (Ioffe and Szegedy 2015, section 3)
            double normalised = sums.Product[c] * Inverse[c];
            Slope[c] = (float)(-Scale[c] * Inverse[c] * normalised / rows);
            Offset[c] = (float)(-Scale[c] * sums.Sum[c] / rows - Slope[c] * (double)Mean[c]);
            gamma[c] += (float)normalised;
            beta[c] += (float)sums.Sum[c];
        }
    }

    private void Set(BatchNormalization norm, float* mean, float* variance)
    {
        float* gamma = TensorMemory.Start(norm.weight!), beta = TensorMemory.Start(norm.bias!);
        for (int c = 0; c < channels; c++)
        {
            Inverse[c] = (float)(1 / Math.Sqrt(variance[c] + norm.eps));
            Scale[c] = gamma[c] * Inverse[c];
            Shift[c] = beta[c] - mean[c] * Scale[c];
        }
    }

    private void UpdateRunning(BatchNormalization norm, float* mean, float* variance, long rows)
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
}
