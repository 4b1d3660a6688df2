namespace WclSharp.Inference;

/// <summary>A class with its probability.</summary>
/// <param name="Class">Name of the class.</param>
/// <param name="Probability">0 to 1; those of all classes add up to 1 but for rounding.</param>
public sealed record ClassProbability(string Class, float Probability)
{
    /// <summary>Every class with its probability, the most probable first.</summary>
    internal static IReadOnlyList<ClassProbability> Ranked(IReadOnlyList<string> names, float[] probabilities) =>
        [.. probabilities.Select((probability, i) => new ClassProbability(names[i], probability)).OrderByDescending(each => each.Probability)];
}
