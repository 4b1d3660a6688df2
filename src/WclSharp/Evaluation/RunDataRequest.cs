using WclSharp.Data;
using WclSharp.Training;

namespace WclSharp.Evaluation;

/// <summary>What a command needs of a run's images.</summary>
internal sealed record RunDataRequest
{
    /// <summary>False for all training images where there is no <c>--test</c>.</summary>
    public bool HoldOut { get; init; } = true;

    /// <summary>The known classes; null for those of the images: see <see cref="PretrainingData.Read"/>.</summary>
    public IReadOnlyList<string>? TestClasses { get; init; }

    /// <summary>Whether held-out images serve to test, so that it matters whether the encoder has seen them; if not, test images are not read, and nothing is said of them.</summary>
    public bool Tests { get; init; } = true;

    /// <summary>Whether the held-out images will be tested with, so that warnings of them matter; null where they will.</summary>
    public Predicate<ImageDataset>? TestsWith { get; init; }

    /// <summary>Whether training images that have no class are of no use, and are not read where a list says which they are.</summary>
    public bool LabelledAlone { get; init; }

    /// <summary>Whether it is a classifier that is tested, which has learnt the classes of some images.</summary>
    public bool IsTaught { get; init; }

    /// <summary>Where unreadable images are listed; null tells of the first alone.</summary>
    public string? BadImagesFile { get; init; }
}
