using WclSharp.Augmentation;
using WclSharp.Configuration;
using WclSharp.Training;

namespace WclSharp.Comparisons;

/// <summary>
/// Gives all runs of a comparison global crops of one size. Beside local crops, global ones stay large where nothing else is asked for
/// (<see cref="MultiCropResolution.GlobalCropMin"/>); methods without local crops would have smaller ones, and what is measured would be the difference of both.
/// </summary>
internal static class EqualViews
{
    /// <summary>The options with the size that methods with local crops have, where others are compared with these and neither options nor preset say a size.</summary>
    /// <param name="asked">What is asked for.</param>
    /// <param name="started">The comparison that is gone on with; one that was started without such a size has runs without, and stays so.</param>
    public static ComparisonOptions Of(ComparisonOptions asked, ComparisonOptions? started) =>
        Differ(asked) && (started is null || started.Training.CropMin == LocalCrops.GlobalScaleMin) ? asked with { Training = asked.Training with { CropMin = LocalCrops.GlobalScaleMin } } : asked;

    /// <summary>Whether some methods' global crops would be smaller than others'.</summary>
    public static bool Differ(ComparisonOptions options) =>
        options.Training.CropMin is null && Presets.CropMinOf(options.Training.Preset) is null
        && options.Methods.Select(method => method.Apply(options.Training).MultiCrop != MultiCrop.None).Distinct().Count() > 1;
}
