namespace WclSharp.Optimizers;

/// <summary>Linear warm-up from 0, then half a cosine to 0, step by step (paper, section 4.1; Loshchilov and Hutter 2017).</summary>
public sealed class LearningRateSchedule
{
    private readonly double peak;
    private readonly long warmupSteps, totalSteps;

    /// <summary>A schedule of a whole run.</summary>
    /// <param name="peak">Learning rate at the end of the warm-up, finite, 0 or more.</param>
    /// <param name="warmupSteps">Steps of the warm-up, 0 or more; 0 starts at the peak.</param>
    /// <param name="totalSteps">Steps of the whole run, those of the warm-up included.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range, or the warm-up longer than the run.</exception>
    public LearningRateSchedule(double peak, long warmupSteps, long totalSteps)
    {
        if (!(peak >= 0 && double.IsFinite(peak))) throw new ArgumentOutOfRangeException(nameof(peak), peak, "Use a finite number of 0 or more.");
        ArgumentOutOfRangeException.ThrowIfNegative(warmupSteps);
        ArgumentOutOfRangeException.ThrowIfLessThan(totalSteps, warmupSteps);
        (this.peak, this.warmupSteps, this.totalSteps) = (peak, warmupSteps, totalSteps);
    }

    /// <summary>Learning rate of a step.</summary>
    /// <param name="step">Step, counted from 0.</param>
    /// <returns>0 to the peak; 0 from the end of the run on.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The step is negative.</exception>
    public double At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (step >= totalSteps) return 0;
        return step < warmupSteps
            ? peak * step / warmupSteps
            : 0.5 * peak * (1 + Math.Cos(Math.PI * (step - warmupSteps) / (totalSteps - warmupSteps)));
    }
}
