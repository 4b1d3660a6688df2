using WclSharp.Configuration;
using WclSharp.Inference;

namespace WclSharp.Search;

/// <summary>What to search for, and where.</summary>
public sealed record SearchOptions
{
    /// <summary>Image files to search for; one or more.</summary>
    public required IReadOnlyList<string> Images { get; init; }

    /// <summary>An index that <see cref="ImageIndexing"/> or <c>wcl index</c> wrote.</summary>
    public required string Index { get; init; }

    /// <summary>The model that the index was made with, wherever it lies now; null is where it lay then.</summary>
    public string? Model { get; init; }

    /// <summary>How many images are wanted for each, 1 or more. Default: 10.</summary>
    public int Count { get; init; } = 10;

    internal static NumberRange CountRange => NumberRange.AtLeastOne;

    /// <summary>cpu, cuda, cuda:N or auto. An ONNX file computes on the CPU.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>A picture (PNG) to write, of each image beside those that were found; null for none. Its folder is made where there is none.</summary>
    public string? Sheet { get; init; }

    /// <summary>
    /// The folder, or list of image files, that the indexed images are in now, for the picture; null is where they were then. Images outside of the folder, or of the list's, are
    /// drawn only where a list that is named here has them: an index may be a stranger's.
    /// </summary>
    public string? Data { get; init; }
}

/// <summary>An image that was searched for, and what was found.</summary>
/// <param name="Image">The image file.</param>
/// <param name="Hits">The nearest first.</param>
/// <param name="Seconds">Seconds that the search took, without making the vector.</param>
public sealed record SearchAnswer(string Image, IReadOnlyList<SearchHit> Hits, double Seconds);

/// <summary>An image that was to be searched for and cannot be read.</summary>
/// <param name="Image">The image file.</param>
/// <param name="Reason">Why, as a sentence.</param>
public sealed record UnreadableQuery(string Image, string Reason);

/// <summary>What was found.</summary>
/// <param name="Answers">One for each image that was searched for and can be read.</param>
/// <param name="Indexed">Images in the index.</param>
/// <param name="Model">The model that made the vectors.</param>
/// <param name="SheetFile">The picture; null where there is none.</param>
/// <param name="SheetProblem">Why there is no picture although one was asked for; else null.</param>
public sealed record SearchResult(IReadOnlyList<SearchAnswer> Answers, int Indexed, string Model, string? SheetFile, string? SheetProblem)
{
    /// <summary>Images that cannot be read.</summary>
    public IReadOnlyList<UnreadableQuery> Unreadable { get; init; } = [];
}
