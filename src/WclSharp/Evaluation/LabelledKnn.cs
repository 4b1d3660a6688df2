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
    public static (double Share, double MeanOverClasses)? Measure(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, int k) =>
        Predict(gallery, train, queries, test, k) is var (predicted, truth) ? LabelledRows.Measure(predicted, truth) : null;

    /// <summary>What the labelled test images are taken for, and their classes.</summary>
    /// <inheritdoc cref="Accuracy"/>
    /// <returns>Both in the order of the images; null where one side has no labels.</returns>
    public static (int[] Predicted, int[] Truth)? Predict(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, int k)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (voters, voterClasses) = LabelledRows.Of(gallery, train);
        var (classified, truth) = LabelledRows.Of(queries, test);
        if (truth.Length == 0 || voterClasses.Length == 0) return null;
        int[] predicted = new KnnClassifier(voters, voterClasses, Math.Max(train.ClassNames.Count, test.ClassNames.Count), k).Predict(classified);
        return (predicted, truth);
    }

    /// <summary>A warning where some classes have so few labels that others outvote them among k neighbours, however well images are told apart; null where none has.</summary>
    /// <param name="train">Images that vote.</param>
    /// <param name="k">Neighbours that vote.</param>
    public static string? Outvoted(ImageDataset train, int k)
    {
        var counts = train.Labels.ToArray().Where(label => label >= 0).CountBy(label => label).OrderBy(each => each.Value).ThenBy(each => each.Key).ToList();
        k = Math.Min(k, counts.Sum(each => each.Value));
        if (counts.Count == 0) return null;
        int most = counts[^1].Value;
        var rare = counts.TakeWhile(each => 2 * each.Value < k && 2 * each.Value <= most).ToList();
        if (rare.Count == 0 || 2 * most <= k) return null;
        string names = ClassCatalog.Few([.. rare.Select(each => FormattableString.Invariant($"{train.ClassNames[each.Key]}: {each.Value:N0}"))]);
        return FormattableString.Invariant($"{rare.Count:N0} of the {counts.Count:N0} classes {(rare.Count == 1 ? "has" : "have")} fewer labels to learn from ({names}) than half of the {k:N0} neighbours that vote, so that kNN can hardly name {(rare.Count == 1 ? "it" : "them")}, however good the encoder is. Look at the linear classifier (wcl evaluate RUN --linear), or at kNN with fewer neighbours (--knn-k {Math.Max(1, 2 * rare[0].Value - 1)}).");
    }
}
