namespace WclSharp.Optimizers;

/// <summary>Linear warm-up from 0, then half a cosine to 0, step by step (paper, section 4.1; Loshchilov and Hutter 2017).</summary>
/// <param name="peak">Learning rate at the end of the warm-up.</param>
/// <param name="warmupSteps">Steps of the warm-up; 0 starts at the peak.</param>
/// <param name="totalSteps">Steps of the whole run, more than <paramref name="warmupSteps"/>.</param>
internal sealed class LearningRateSchedule(double peak, long warmupSteps, long totalSteps)
{
    /// <summary>Learning rate of a step, counted from 0.</summary>
    public double At(long step) => step < warmupSteps
        ? peak * step / warmupSteps
        : 0.5 * peak * (1 + Math.Cos(Math.PI * (step - warmupSteps) / (totalSteps - warmupSteps)));
}
