namespace WclSharp.Classification;

/// <summary>What was classified.</summary>
/// <param name="File">The table: <c>path,label,class,probability</c> an image, in the order of the source.</param>
/// <param name="Images">Rows in it.</param>
/// <param name="BadImages">Images that could not be read and were left out; <c>FILE.bad_images.csv</c> lists them.</param>
/// <param name="Seconds">Seconds it took.</param>
public sealed record ClassifyResult(string File, long Images, int BadImages, double Seconds)
{
    /// <summary>The classes that the classifier tells, in the order of its scores, with the images taken for each.</summary>
    public required IReadOnlyList<ClassifiedClass> Classes { get; init; }

    /// <summary>Mean probability of the classes that images were taken for, 0 to 1.</summary>
    public required double MeanProbability { get; init; }

    /// <summary>Images whose class is known, by the source or a list.</summary>
    public long Labelled { get; init; }

    /// <summary>Those of them that were taken for it.</summary>
    public long Right { get; init; }

    /// <summary>Those of them whose class the classifier does not tell, so that they cannot be right.</summary>
    public long Untold { get; init; }

    /// <summary>Rows that were there before, by a call that was stopped.</summary>
    public long Kept { get; init; }

    /// <summary>Other files of the source, which are no images that can be read, by their names.</summary>
    public long Ignored { get; init; }

    /// <summary>What the images were read from, for people.</summary>
    public string Source { get; init; } = "";

    /// <summary>Share of the images with a known class that were taken for it, 0 to 1; null where there are none. Too high where the classifier was trained on some of them.</summary>
    public double? Accuracy => Labelled > 0 ? Right / (double)Labelled : null;
}

/// <summary>A class with the images that were taken for it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Images">How many.</param>
public sealed record ClassifiedClass(string Name, long Images);
