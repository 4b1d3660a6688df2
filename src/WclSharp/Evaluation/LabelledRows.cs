using TorchSharp;
using WclSharp.Data;
using WclSharp.Native;
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

    /// <exception cref="ArgumentException">Features are not [rows, width] Float32.</exception>
    public static void RequireFloat32(Tensor features, string name)
    {
        if (features.dim() != 2 || features.dtype != ScalarType.Float32)
            throw new ArgumentException($"Features are {ShapeText.Of(features)} {features.dtype}; expected [rows, width] Float32.", name);
    }

    /// <exception cref="ArgumentException">There is not one class, from 0 to the number of classes - 1, for each row.</exception>
    public static void RequireClasses(Tensor features, int[] classes, int classCount)
    {
        if (features.size(0) != classes.Length) throw new ArgumentException($"{classes.Length} classes for features of shape {ShapeText.Of(features)}; give one a row.", nameof(classes));
        if (Array.FindIndex(classes, c => c < 0 || c >= classCount) is >= 0 and var row)
            throw new ArgumentException($"Class {classes[row]} is none of 0 to {classCount - 1}; leave out images without a class.", nameof(classes));
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
