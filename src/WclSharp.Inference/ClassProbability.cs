namespace WclSharp.Inference;

/// <summary>A class with its probability.</summary>
public sealed record ClassProbability
{
    /// <summary>Name of the class.</summary>
    public required string Class { get; init; }

    /// <summary>0 to 1; those of all classes add up to 1 but for rounding.</summary>
    public required float Probability { get; init; }

    /// <summary>Every class with its probability, the most probable first.</summary>
    internal static IReadOnlyList<ClassProbability> Ranked(IReadOnlyList<string> names, float[] probabilities) =>
        [.. probabilities.Select((probability, i) => new ClassProbability { Class = names[i], Probability = probability }).OrderByDescending(each => each.Probability)];
}
