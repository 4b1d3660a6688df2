using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Those images of a data set that have a class: their features, and how many of them are classified rightly.</summary>
internal static class LabelledRows
{
    /// <summary>Those images alone, in their order. Shares the pixels; dispose both.</summary>
    public static ImageDataset Images(ImageDataset images) => images.Subset(Places(images));

    /// <summary>Where they are in the set, in their order.</summary>
    public static int[] Places(ImageDataset images)
    {
        var labels = images.Labels.ToArray();
        return [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] >= 0)];
    }

    /// <param name="features">Features of all images, [M, F].</param>
    /// <param name="images">The images.</param>
    /// <returns>Their rows, and their classes. The tensor is <paramref name="features"/> itself where every image has a class.</returns>
    public static (Tensor Features, int[] Classes) Of(Tensor features, ImageDataset images)
    {
        var labels = images.Labels.ToArray();
        int[] places = Places(images);
        if (places.Length == labels.Length) return (features, labels);
        return (Rows.Of(features, places), [.. places.Select(i => labels[i])]);
    }

    /// <summary>Both of the following.</summary>
    public static (double Share, double BalancedAccuracy) Measure(int[] predicted, int[] truth) => (ShareRight(predicted, truth), BalancedAccuracy(predicted, truth));

    /// <summary>Share of images whose class is predicted, 0 to 1; those without one (-1) do not count. Not a number where none has one.</summary>
    public static double ShareRight(int[] predicted, int[] truth) =>
        predicted.Zip(truth).Count(pair => pair.First == pair.Second) / (double)truth.Count(label => label >= 0);

    /// <summary>Mean over the classes of the share of their images whose class is predicted, 0 to 1, in which a rare class counts as much as a frequent one; images without one (-1) do not count. Not a number where none has one.</summary>
    private static double BalancedAccuracy(int[] predicted, int[] truth) =>
        predicted.Zip(truth).Where(pair => pair.Second >= 0).GroupBy(pair => pair.Second).Select(group => group.Average(pair => pair.First == pair.Second ? 1.0 : 0)).DefaultIfEmpty(double.NaN).Average();
}
