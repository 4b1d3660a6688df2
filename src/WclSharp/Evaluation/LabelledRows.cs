using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>Features of those images of a data set that have a class.</summary>
internal static class LabelledRows
{
    /// <param name="features">Features of all images, [M, F].</param>
    /// <param name="images">The images.</param>
    /// <returns>Their rows, and their classes. The tensor is <paramref name="features"/> itself where every image has a class.</returns>
    public static (Tensor Features, int[] Classes) Of(Tensor features, ImageDataset images)
    {
        var labels = images.Labels.ToArray();
        if (labels.All(label => label >= 0)) return (features, labels);
        long[] rows = [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] >= 0).Select(i => (long)i)];
        using var index = tensor(rows, device: features.device);
        return (features.index_select(0, index), [.. labels.Where(label => label >= 0)]);
    }
}
