using WclSharp.Data;

namespace WclSharp.Grouping;

/// <summary>The classes of a group's images, as far as they are known.</summary>
/// <param name="LabelledImages">Images whose class is known.</param>
/// <param name="Frequent">Every class that some of these are of, with how many: the most frequent first, of equals the first by number.</param>
internal sealed record GroupClasses(int LabelledImages, IReadOnlyList<(string Name, int Images)> Frequent)
{
    public static GroupClasses Of(int[] rows, ImageDataset images)
    {
        int[] known = [.. rows.Select(row => images.Labels[row]).Where(label => label >= 0)];
        return new(known.Length, [.. known.CountBy(label => label).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).Select(pair => (images.ClassNames[pair.Key], pair.Value))]);
    }
}
