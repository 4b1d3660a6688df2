using WclSharp.Training;

namespace WclSharp.Methods;

/// <summary>The weight of the weak loss at a step: beta (Zheng et al. 2021, equation 7), or, ours, on its way there (<see cref="PretrainOptions.BetaRamp"/>).</summary>
internal static class WeakWeight
{
    /// <param name="options">Resolved options.</param>
    /// <param name="done">Share of the run's steps that were taken before this one, 0 to 1.</param>
    public static double At(PretrainOptions options, double done)
    {
        if (options.BetaRamp == 0) return options.Beta;
        double sinceWarmup = done * options.Epochs!.Value - options.WarmupEpochs!.Value;
        return options.Beta * Math.Clamp(sinceWarmup / options.BetaRamp, 0, 1);
    }
}
