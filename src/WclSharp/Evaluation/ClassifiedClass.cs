using System.Text.Json.Serialization;

namespace WclSharp.Evaluation;

/// <summary>A class with the images that were taken for it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Images">How many were taken for it.</param>
public sealed record ClassifiedClass([property: JsonPropertyName("class")] string Name, long Images)
{
    /// <summary>Images that are known to be of it.</summary>
    public long Labelled { get; init; }

    /// <summary>Those of them that were taken for it.</summary>
    public long Correct { get; init; }

    /// <summary>Of <see cref="Images"/>, those whose class is known, whichever it is.</summary>
    public long LabelledTaken { get; init; }

    /// <summary>Share of its known images that were taken for it, 0 to 1; null where there are none.</summary>
    [JsonIgnore]
    public double? Recall => Labelled > 0 ? Correct / (double)Labelled : null;

    /// <summary>Share of the images taken for it that are of it, 0 to 1, among those whose class is known; null where there are none.</summary>
    [JsonIgnore]
    public double? Precision => LabelledTaken > 0 ? Correct / (double)LabelledTaken : null;

    /// <summary>Counts images.</summary>
    /// <param name="names">Names of the classes that are told.</param>
    /// <param name="truth">Class of each image; -1 where it is not known, behind the names where it is none of theirs.</param>
    /// <param name="predicted">What each was taken for.</param>
    internal static IReadOnlyList<ClassifiedClass> Of(IReadOnlyList<string> names, IReadOnlyList<int> truth, IReadOnlyList<int> predicted)
    {
        long[] taken = new long[names.Count], known = new long[names.Count], right = new long[names.Count], takenKnown = new long[names.Count];
        for (int i = 0; i < truth.Count; i++)
        {
            taken[predicted[i]]++;
            if (truth[i] < 0) continue;
            takenKnown[predicted[i]]++;
            if (truth[i] >= names.Count) continue;
            known[truth[i]]++;
            if (truth[i] == predicted[i]) right[truth[i]]++;
        }
        return [.. names.Select((name, c) => new ClassifiedClass(name, taken[c]) { Labelled = known[c], Correct = right[c], LabelledTaken = takenKnown[c] })];
    }

    /// <summary>A warning where all of two images or more of several classes are taken for one; null else.</summary>
    /// <param name="classes">Counts of test images.</param>
    /// <param name="who">What took them, as the beginning of a sentence.</param>
    internal static string? WarningOfOne(IReadOnlyList<ClassifiedClass> classes, string who) =>
        classes.Count(each => each.Images > 0) == 1 && classes.Count(each => each.Labelled > 0) > 1 && classes.Single(each => each.Images > 0) is var one
            ? FormattableString.Invariant($"{who} takes all {one.Images:N0} images to test with for {one.Name}: {100 * one.Correct / (double)one.LabelledTaken:0.0}% right, which takes no learning.") : null;
}
