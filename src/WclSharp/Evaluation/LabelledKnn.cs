using WclSharp.Data;
using WclSharp.Training;
using static TorchSharp.torch;

namespace WclSharp.Evaluation;

/// <summary>kNN accuracy of data sets in which some images may have no class: these neither vote nor count.</summary>
internal static class LabelledKnn
{
    /// <summary>Share of the labelled test images whose class is predicted, 0 to 1; null where one side has no labels.</summary>
    /// <inheritdoc cref="Predict"/>
    public static double? Accuracy(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, int k) => Measure(gallery, train, queries, test, k)?.Share;

    /// <summary>That share, and its mean over the classes.</summary>
    /// <inheritdoc cref="Predict"/>
    public static (double Share, double BalancedAccuracy)? Measure(Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, int k, CancellationToken cancellation = default) =>
        Predict(gallery, train, queries, test, k, progress: null, cancellation) is var (predicted, truth) ? LabelledRows.Measure(predicted, truth) : null;

    /// <summary>What the labelled test images are predicted as, and their classes.</summary>
    /// <param name="gallery">Features of <paramref name="train"/>, [M, F], rows of unit length.</param>
    /// <param name="train">Images that vote.</param>
    /// <param name="queries">Features of <paramref name="test"/>, [Q, F], likewise.</param>
    /// <param name="test">Images that are classified.</param>
    /// <param name="k">Neighbours of the kNN classifier.</param>
    /// <param name="progress">Told how many are classified; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <returns>Both in the order of the images; null where one side has no labels.</returns>
    public static (int[] Predicted, int[] Truth)? Predict(
        Tensor gallery, ImageDataset train, Tensor queries, ImageDataset test, int k, IProgress<RunProgress>? progress, CancellationToken cancellation)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (voters, voterClasses) = LabelledRows.Of(gallery, train);
        var (classified, truth) = LabelledRows.Of(queries, test);
        if (truth.Length == 0 || voterClasses.Length == 0) return null;
        int[] predicted = new KnnClassifier(voters, voterClasses, Math.Max(train.ClassNames.Count, test.ClassNames.Count), k)
            .Predict(classified, (done, all) => progress.Working("Finding nearest neighbours", done, all), cancellation);
        return (predicted, truth);
    }

    /// <summary>What the labelled test images are predicted as, by class.</summary>
    public static IReadOnlyList<ClassifiedClass> ByClass(ImageDataset train, ImageDataset test, int[] truth, int[] predicted) =>
        ClassifiedClass.Of(train.ClassNames.Count >= test.ClassNames.Count ? train.ClassNames : test.ClassNames, truth, predicted); // of images read elsewhere there may be more

    /// <summary>A warning of classes that are seldom found and have so few labels beside another that they may be outvoted among k neighbours; null where there are none.</summary>
    /// <param name="train">Images that vote.</param>
    /// <param name="k">Neighbours of the kNN classifier.</param>
    /// <param name="found">What the test images are predicted as.</param>
    public static string? Outvoted(ImageDataset train, int k, IReadOnlyList<ClassifiedClass> found)
    {
        var counts = train.Labels.ToArray().Where(label => label >= 0).CountBy(label => label).ToList();
        if (counts.Count == 0) return null;
        int most = counts.Max(each => each.Value);
        k = Math.Min(k, counts.Sum(each => each.Value));
        if (2 * most <= k) return null;
        var outvoted = counts.Where(each => 2 * each.Value < k && 2 * each.Value <= most && found[each.Key].Recall < 0.5).OrderBy(each => each.Value).ThenBy(each => each.Key).ToList();
        if (outvoted.Count == 0) return null;
        bool one = outvoted.Count == 1;
        string names = ClassCatalog.Few([.. outvoted.Select(each => FormattableString.Invariant($"{train.ClassNames[each.Key]}: {found[each.Key].Correct:N0} of {found[each.Key].Labelled:N0} images by {each.Value:N0} label{(each.Value == 1 ? "" : "s")}"))]);
        return FormattableString.Invariant($"kNN recall is below one half for {(one ? "one class" : FormattableString.Invariant($"{outvoted.Count:N0} classes"))} ({names}) with fewer labels than half of the {k:N0} neighbours: frequent classes may outvote {(one ? "it" : "them")}. Look at the linear classifier (wcl evaluate RUN --linear), or at kNN with fewer neighbours (--knn-k {Math.Max(1, 2 * outvoted[0].Value - 1)}).");
    }
}
