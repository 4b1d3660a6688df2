namespace WclSharp.Evaluation;

/// <summary>What can be chosen of a linear probe's training.</summary>
public sealed record LinearProbeSettings
{
    /// <summary>Peak learning rate for batches of 256; in proportion for smaller ones. Default: 0.2.</summary>
    public double LearningRate { get; init; } = 0.2;

    /// <summary>L2 weight decay; the bias has none. Default: 0.</summary>
    public double WeightDecay { get; init; }
}
