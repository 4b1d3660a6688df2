using WclSharp.Data;

namespace WclSharp.Training;

/// <summary>What a person should know of the labels of images before any figure is read.</summary>
internal static class LabelWarnings
{
    private const double MostOfOneClass = 0.8; // share of the test images
    private const int FewestTests = 30; // the standard error of an accuracy on fewer is up to nine points and more

    /// <summary>Of test images: where a figure of them says less than it seems.</summary>
    /// <param name="all">All that were read to train on, those that were held out of them included.</param>
    /// <param name="train">Those that are trained on.</param>
    /// <param name="heldOut">Those to test with.</param>
    /// <param name="known">Known classes; null for those of the images that are trained on.</param>
    public static IEnumerable<string> OfTests(ImageDataset all, ImageDataset train, ImageDataset heldOut, IReadOnlyList<string>? known) =>
        [.. FewTests(all, heldOut, heldOut.LabelledCount), .. Shared(train, heldOut), .. UnknownClasses(train, heldOut, known), .. Untested(train, heldOut, known), .. OneKind(train, heldOut, known)];

    /// <summary>Classes that look like one that was written in two ways.</summary>
    public static IEnumerable<string> Misspelt(ImageDataset images)
    {
        if (!images.HasLabels) yield break;
        string[][] alike = [.. ClassesOf(images).GroupBy(Bare).Select(group => group.Order(StringComparer.Ordinal).ToArray()).Where(group => group.Length > 1)];
        if (alike.Length > 0)
            yield return $"Some classes differ in case or blanks alone ({ClassCatalog.Few([.. alike.Select(names => $"'{names[0]}' and '{names[1]}'")])}), and count as classes of their own; write their names alike where they are the same.";
    }

    /// <summary>A name without what is easily written otherwise.</summary>
    private static string Bare(string name) => string.Concat(name.Where(letter => !char.IsWhiteSpace(letter))).ToUpperInvariant();

    /// <summary>Of few images, and of many of which most have no label, a share that is held out leaves few to measure with.</summary>
    private static IEnumerable<string> FewTests(ImageDataset all, ImageDataset heldOut, int tests) =>
        tests < FewestTests && (tests > 0 || all.HasLabels)
            ? [FormattableString.Invariant($"{(tests == heldOut.Count ? FormattableString.Invariant($"{tests} test image{(tests == 1 ? " is" : "s are")}") : FormattableString.Invariant($"Of the {heldOut.Count:N0} test images {tests} {(tests == 1 ? "has" : "have")} a label, which is"))} too few to measure an accuracy; name more with --test.")]
            : [];

    /// <summary>Where test images are trained on too, under another name or in another place.</summary>
    private static IEnumerable<string> Shared(ImageDataset train, ImageDataset heldOut)
    {
        if (heldOut.LabelledCount == 0) yield break;
        int shared = SharedImages.Count(heldOut, train), told = shared == 0 ? 0 : SharedImages.Count(heldOut, train, labelledOnly: true);
        if (told > 0)
            yield return FormattableString.Invariant($"{told:N0} of the {heldOut.LabelledCount:N0} test images {(told == 1 ? "is" : "are")} also among the labelled training images, pixel for pixel, so accuracies are too high; take the copies out, or name others with --test.");
        if (shared > told)
            yield return FormattableString.Invariant($"{shared - told:N0} of the {heldOut.LabelledCount:N0} test images {(shared - told == 1 ? "is" : "are")} also among the training images without a label, pixel for pixel: the encoder sees them, though not what they are, so accuracies may be a little too high; name others with --test where that matters.");
    }

    /// <summary>Where test images are of classes that no label names to learn from: whatever is predicted for such an image is wrong.</summary>
    private static IEnumerable<string> UnknownClasses(ImageDataset train, ImageDataset heldOut, IReadOnlyList<string>? known)
    {
        if (known is null && !train.HasLabels) yield break;
        var told = (known ?? ClassesOf(train)).ToHashSet(StringComparer.Ordinal);
        string[] unknown = [.. ClassesOf(heldOut).Where(name => !told.Contains(name)).Order(StringComparer.Ordinal)];
        if (unknown.Length == 0) yield break;
        int images = heldOut.Labels.ToArray().Count(label => label >= 0 && !told.Contains(heldOut.ClassNames[label]));
        yield return FormattableString.Invariant($"{images:N0} of the {heldOut.LabelledCount:N0} labelled test images {(images == 1 ? "counts" : "count")} as wrong: no labelled training image is of {(images == 1 ? "its" : "their")} {(unknown.Length == 1 ? "class" : FormattableString.Invariant($"{unknown.Length:N0} classes"))} ({ClassCatalog.Few(unknown)}), so {(unknown.Length == 1 ? "it" : "they")} cannot be predicted; label some, or leave them out of the test.{AlsoWritten(unknown, told)}");
    }

    /// <summary>Names that are told but for case and blanks, as the end of a warning.</summary>
    private static string AlsoWritten(IEnumerable<string> unknown, IEnumerable<string> told)
    {
        var byBare = told.ToLookup(Bare);
        string[] alike = [.. unknown.SelectMany(name => byBare[Bare(name)].Select(other => $"'{name}' and '{other}'"))];
        return alike.Length == 0 ? "" : $" Some differ in case or blanks alone ({ClassCatalog.Few(alike)}): write them alike where they are the same.";
    }

    /// <summary>Classes that are learnt and that no test image is of: no figure says anything of them.</summary>
    private static IEnumerable<string> Untested(ImageDataset train, ImageDataset heldOut, IReadOnlyList<string>? known)
    {
        if (heldOut.LabelledCount == 0) yield break;
        var tested = ClassesOf(heldOut).Select(Bare).ToHashSet(); // one that is written otherwise is warned of as such
        string[] untested = [.. (known ?? ClassesOf(train)).Where(name => !tested.Contains(Bare(name))).Order(StringComparer.Ordinal)];
        if (untested.Length == 0) yield break;
        bool one = untested.Length == 1;
        yield return FormattableString.Invariant($"No test image is of {(one ? "the class" : FormattableString.Invariant($"{untested.Length:N0} classes:"))} {ClassCatalog.Few(untested)}; no figure says anything of {(one ? "it" : "them")}. Name images of {(one ? "it" : "them")} with --test.");
    }

    /// <summary>Where nearly all test images are of one class, naming that alone is as good as right.</summary>
    private static IEnumerable<string> OneKind(ImageDataset train, ImageDataset heldOut, IReadOnlyList<string>? known)
    {
        if (ClassesOf(heldOut).Take(2).Count() < 2) yield break;
        var most = heldOut.Labels.ToArray().Where(label => label >= 0).CountBy(label => label).MaxBy(each => each.Value);
        double share = most.Value / (double)heldOut.LabelledCount;
        if (share > MostOfOneClass && (known ?? ClassesOf(train)).Contains(heldOut.ClassNames[most.Key]))
            yield return FormattableString.Invariant($"{100 * share:0.0}% of the labelled test images are of one class, {heldOut.ClassNames[most.Key]}: predicting it for every image already gives that accuracy. Look at the balanced accuracy, in which every class counts equally.");
    }

    /// <summary>The classes that images are of.</summary>
    public static IEnumerable<string> ClassesOf(ImageDataset images) => images.Labels.ToArray().Where(label => label >= 0).Distinct().Select(label => images.ClassNames[label]);
}
