namespace WclSharp.Inference;

/// <summary>A class with its probability, 0 to 1.</summary>
public sealed record ClassProbability(string Class, float Probability);
