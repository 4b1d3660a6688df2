using WclSharp.Configuration;
using WclSharp.Evaluation;

namespace WclSharp.Grouping;

/// <summary>Which images to group.</summary>
public sealed record GroupOptions
{
    /// <summary>Run folder that <c>wcl pretrain</c> wrote.</summary>
    public required string Run { get; init; }

    /// <summary>Images to group; null is the run's training images, or all of its images with <see cref="Labels"/>.</summary>
    public string? Data { get; init; }

    /// <summary>CSV or TSV file of <c>path,label</c> that names classes, to compare the groups with; null is the run's.</summary>
    public string? Labels { get; init; }

    /// <summary>How many groups to show, 1 or more; null takes the coarsest level of the hierarchy that has at least as many as there are classes, or ten.</summary>
    public int? Groups { get; init; }

    /// <summary>Cosine of the features from which on two images are compared pixel by pixel, and listed as copies where these are alike too; above 0 to 1.</summary>
    public double CopyThreshold { get; init; } = NearDuplicates.LeastSimilarity;

    /// <summary>How many images that are least like any other to list, 1 or more; null is a hundredth of them, 100 at most.</summary>
    public int? Outliers { get; init; }

    /// <summary>Seed of k-means, which the groups are compared with; null is the run's.</summary>
    public long? Seed { get; init; }

    /// <summary>cpu, cuda, cuda:N or auto.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Folder for the gallery and the lists; null is <c>groups</c> in the run's.</summary>
    public string? Out { get; init; }

    /// <summary>Of groups and outliers.</summary>
    internal static NumberRange CountRange => NumberRange.AtLeastOne;

    internal static NumberRange CopyRange => NumberRange.ShareAboveZero;

    /// <exception cref="WclUsageException">A value is out of range.</exception>
    internal void Validate()
    {
        GivenOption.RequirePath(Run, "RUN", "name the folder that wcl pretrain wrote");
        GivenOption.RequirePaths(("--data", Data), ("--labels", Labels), ("--out", Out));
        CountRange.Require(Groups, "--groups");
        CountRange.Require(Outliers, "--outliers");
        CopyRange.Require(CopyThreshold, "--copies", "a cosine, such as 0.99");
    }
}
