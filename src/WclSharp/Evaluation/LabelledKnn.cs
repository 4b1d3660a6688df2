using WclSharp.Data;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>kNN accuracy of data sets in which some images may have no class: these neither vote nor count.</summary>
internal static class LabelledKnn
{
    /// <param name="gallery">Features of <paramref name="train"/>, [M, F], rows of unit length.</param>
    /// <param name="train">Images that vote.</param>
    /// <param name="queries">Features of <paramref name="test"/>, [Q, F], likewise.</param>
    /// <param name="test">Images that are classified.</param>
    /// <param name="k">Neighbours that vote.</param>
    /// <returns>Share of the labelled test images whose class is predicted, 0 to 1; null where one side has no labels.</returns>
    public static double? Accuracy(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, int k) => Measure(gallery, train, queries, test, k)?.Share;

    /// <summary>That share, and its mean over the classes.</summary>
    /// <inheritdoc cref="Accuracy"/>
    public static (double Share, double MeanOverClasses)? Measure(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, int k)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (voters, voterClasses) = LabelledRows.Of(gallery, train);
        var (classified, truth) = LabelledRows.Of(queries, test);
        if (truth.Length == 0 || voterClasses.Length == 0) return null;
        int[] predicted = new KnnClassifier(voters, voterClasses, Math.Max(train.ClassNames.Count, test.ClassNames.Count), k).Predict(classified);
        return LabelledRows.Measure(predicted, truth);
    }
}
