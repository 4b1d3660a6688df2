using System.Text.Json.Serialization;

namespace WclSharp.Evaluation;

/// <summary>A class with the images that are predicted as it.</summary>
public sealed record ClassifiedClass
{
    /// <summary>Its name.</summary>
    [JsonPropertyName("class")]
    public required string Name { get; init; }

    /// <summary>How many are predicted as it.</summary>
    public required long Images { get; init; }

    /// <summary>Images that are known to be of it.</summary>
    public long Labelled { get; init; }

    /// <summary>Those of them that are predicted as it (true positives).</summary>
    public long Correct { get; init; }

    /// <summary>Of <see cref="Images"/>, those whose class is known, whichever it is.</summary>
    public long LabelledPredicted { get; init; }

    /// <summary>Share of its known images that are predicted as it, 0 to 1; null where there are none.</summary>
    [JsonIgnore]
    public double? Recall => Labelled > 0 ? Correct / (double)Labelled : null;

    /// <summary>Share of the images predicted as it that are of it, 0 to 1, among those whose class is known; null where there are none.</summary>
    [JsonIgnore]
    public double? Precision => LabelledPredicted > 0 ? Correct / (double)LabelledPredicted : null;

    /// <summary>Counts images.</summary>
    /// <param name="names">Names of the classes.</param>
    /// <param name="truth">Class of each image; -1 where it is not known, behind the names where it is none of theirs.</param>
    /// <param name="predicted">What each is predicted as.</param>
    internal static IReadOnlyList<ClassifiedClass> Of(IReadOnlyList<string> names, IReadOnlyList<int> truth, IReadOnlyList<int> predicted)
    {
        long[] images = new long[names.Count], known = new long[names.Count], right = new long[names.Count], labelledPredicted = new long[names.Count];
        for (int i = 0; i < truth.Count; i++)
        {
            images[predicted[i]]++;
            if (truth[i] < 0) continue;
            labelledPredicted[predicted[i]]++;
            if (truth[i] >= names.Count) continue;
            known[truth[i]]++;
            if (truth[i] == predicted[i]) right[truth[i]]++;
        }
        return [.. names.Select((name, c) => new ClassifiedClass { Name = name, Images = images[c], Labelled = known[c], Correct = right[c], LabelledPredicted = labelledPredicted[c] })];
    }

    /// <summary>A warning where all of two images or more of several classes are predicted as one; null else.</summary>
    /// <param name="classes">Counts of test images.</param>
    /// <param name="who">What took them, as the beginning of a sentence.</param>
    internal static string? WarningOfOne(IReadOnlyList<ClassifiedClass> classes, string who) =>
        classes.Count(each => each.Images > 0) == 1 && classes.Count(each => each.Labelled > 0) > 1 && classes.Single(each => each.Images > 0) is var one
            ? FormattableString.Invariant($"{who} predicts {one.Name} for all {one.Images:N0} test images: {100 * one.Correct / (double)one.LabelledPredicted:0.0}% correct, which takes nothing learnt that tells them apart.") : null;
}
