using WclSharp.Data;
using WclSharp.Evaluation;

namespace WclSharp.Grouping;

/// <summary>One way to divide the images.</summary>
public sealed record Clustering
{
    /// <summary>Number of groups.</summary>
    public required int Groups { get; init; }

    /// <summary>Share of the images in the largest group, 0 to 1.</summary>
    public required double Largest { get; init; }

    /// <summary>How well the groups agree with the classes; null where no classes are known.</summary>
    public ClusterAgreement? Agreement { get; init; }

    internal static Clustering Of(int[] groups, ReadOnlySpan<int> classes)
    {
        var sizes = groups.CountBy(group => group).Select(pair => pair.Value).ToArray();
        return new() { Groups = sizes.Length, Largest = sizes.Max() / (double)groups.Length, Agreement = ClusterAgreement.Of(groups, classes) };
    }
}

/// <summary>One of the groups that are shown.</summary>
public sealed record ImageGroup
{
    /// <summary>Its images.</summary>
    public required long Images { get; init; }

    /// <summary>Name of the image most like its mean.</summary>
    public required string Medoid { get; init; }

    /// <summary>Of its images, those whose class is known.</summary>
    public required long LabelledImages { get; init; }

    /// <summary>The most frequent class of these; of several the first by number. Null where none is known.</summary>
    public string? Class { get; init; }

    /// <summary>The share of these that are of that class, 0 to 1; null likewise.</summary>
    public double? Purity { get; init; }

    internal static ImageGroup Of(int[] rows, ImageDataset images)
    {
        var classes = GroupClasses.Of(rows, images);
        var group = new ImageGroup { Images = rows.Length, Medoid = images.NameOf(rows[0]), LabelledImages = classes.LabelledImages };
        return classes.Frequent is [var most, ..]
            ? group with { Class = most.Name, Purity = most.Images / (double)classes.LabelledImages }
            : group;
    }
}

/// <summary>What a grouping found, and where its pages and lists are.</summary>
public sealed record GroupResult
{
    /// <summary>Images that were grouped.</summary>
    public required long Images { get; init; }

    /// <summary>Of these, images whose class is known, which the agreement with classes is measured on.</summary>
    public required long LabelledImages { get; init; }

    /// <summary>Levels of the hierarchy, finest first.</summary>
    public required IReadOnlyList<Clustering> Levels { get; init; }

    /// <summary>The clustering that is shown: a level, or what it was joined into for the number asked for.</summary>
    public required Clustering Shown { get; init; }

    /// <summary>The groups of that clustering, largest first, by the numbers that the lists have.</summary>
    public required IReadOnlyList<ImageGroup> Groups { get; init; }

    /// <summary>k-means with as many clusters as <see cref="Shown"/> has groups; null where no classes are known to compare by.</summary>
    public Clustering? KMeans { get; init; }

    /// <summary>Pairs of images that look like copies.</summary>
    public required long Copies { get; init; }

    /// <summary>Images that are like no others.</summary>
    public required long Outliers { get; init; }

    /// <summary>A page to look through, with all pictures in it.</summary>
    public required string GalleryFile { get; init; }

    /// <summary>CSV: path, group shown, group at every level, cosine to the group's mean, whether it is the group's medoid.</summary>
    public required string GroupsFile { get; init; }

    /// <summary>CSV: of each group shown its number, its images, its medoid, how many of its images' classes are known, the most frequent of these and its share.</summary>
    public required string MedoidsFile { get; init; }

    /// <summary>CSV: pairs of copies with their cosine and how far their pixels differ.</summary>
    public required string CopiesFile { get; init; }

    /// <summary>CSV: outliers with their mean cosine to the nearest images.</summary>
    public required string OutliersFile { get; init; }
}
