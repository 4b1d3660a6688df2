namespace WclSharp.Training;

/// <summary>What to change where a loss or weights are no longer finite. Before the first step no learning rate has mattered yet.</summary>
internal static class DivergenceAdvice
{
    private const double SmallRate = 1e-6; // times a gradient that is finite, this ruins no weights

    /// <summary>To a pretraining, a sentence.</summary>
    /// <param name="options">Options of the run, all of them set.</param>
    /// <param name="step">Steps that were taken before.</param>
    public static string Of(PretrainOptions options, long step)
    {
        string temperature = options.Method == ContrastiveMethod.InstDisc ? "--instdisc-temperature" : "--temperature";
        if (step == 0) return $"Raise {temperature}{OtherWeights(options.Init)}.";
        if (options.LearningRate is not { } rate || rate > SmallRate) return $"Lower --lr or raise {temperature}.";
        string precision = options.Precision is ComputePrecision.Fp32 ? "" : " or use --precision fp32";
        return FormattableString.Invariant($"Raise {temperature}{precision}; --lr {rate} is small enough.");
    }

    /// <summary>To a distillation, the end of a sentence.</summary>
    /// <param name="init">Its <c>--init</c>; null for none.</param>
    /// <param name="step">Steps that were taken before.</param>
    public static string OfDistillation(string? init, long step) => step > 0 ? "lower --lr" : $"raise --temperature{OtherWeights(init)}";

    /// <summary>To a fine-tuning, the end of a sentence.</summary>
    /// <param name="rateOptions">The options that set its learning rates.</param>
    /// <param name="step">Steps that were taken before.</param>
    public static string OfFineTuning(string rateOptions, long step) => step > 0 ? $"lower {rateOptions}" : "the encoder that it starts with gives no finite features, so take another run";

    private static string OtherWeights(string? init) => init is null ? "" : ", or begin with other weights than those of --init";
}
