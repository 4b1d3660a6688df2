using WclSharp.Evaluation;

namespace WclSharp.Classification;

/// <summary>What was classified.</summary>
public sealed record ClassifyResult
{
    /// <summary>The table: <c>path,label,class,probability</c> an image, and with <see cref="ClassifyOptions.AllProbabilities"/> a column <c>p(NAME)</c> for each class, in the order of the source.</summary>
    public required string File { get; init; }

    /// <summary>Rows in it.</summary>
    public required long Images { get; init; }

    /// <summary>Images that could not be read and were left out; <c>FILE.bad_images.csv</c> lists them.</summary>
    public required long BadImages { get; init; }

    /// <summary>Seconds it took.</summary>
    public required double Seconds { get; init; }

    /// <summary>The classes that the classifier knows, in the order of its scores, with the images predicted as each.</summary>
    public required IReadOnlyList<ClassifiedClass> Classes { get; init; }

    /// <summary>Mean probability of the predicted classes, 0 to 1.</summary>
    public required double MeanProbability { get; init; }

    /// <summary>Images whose class is known, by the source or a list.</summary>
    public long Labelled { get; init; }

    /// <summary>Those of them that are predicted as it.</summary>
    public long Correct { get; init; }

    /// <summary>Classes of these images that the classifier does not know, so that they cannot be right, with their images.</summary>
    public IReadOnlyDictionary<string, long> UnknownClasses { get; init; } = new Dictionary<string, long>();

    /// <summary>Images of <see cref="UnknownClasses"/>.</summary>
    public long OfUnknownClasses => UnknownClasses.Values.Sum();

    /// <summary>Rows that were there before, by a call that was stopped.</summary>
    public long Resumed { get; init; }

    /// <summary>Other files of the source, which are no images that can be read, by their names.</summary>
    public long Ignored { get; init; }

    /// <summary>What the images were read from, for people.</summary>
    public string Source { get; init; } = "";

    /// <summary>Share of the images with a known class that are predicted as it, 0 to 1; null where there are none, or none whose class the classifier knows (names of folders need be none of classes). Too high where the classifier was trained on some of them.</summary>
    public double? Accuracy => Labelled > OfUnknownClasses ? Correct / (double)Labelled : null;

    /// <summary>Mean over the known classes of their recall, 0 to 1, in which a rare class counts as much as a frequent one (balanced accuracy); those that the classifier does not know have 0. Null where there is no accuracy.</summary>
    public double? BalancedAccuracy => Accuracy is not null ? Classes.Where(each => each.Labelled > 0).Select(each => each.Recall!.Value).Concat(UnknownClasses.Select(_ => 0.0)).Average() : null;
}
