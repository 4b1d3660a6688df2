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
public sealed record SearchAnswer
{
    /// <summary>The image file.</summary>
    public required string Image { get; init; }

    /// <summary>The nearest first.</summary>
    public required IReadOnlyList<SearchHit> Hits { get; init; }

    /// <summary>Seconds that the search took, without making the vector.</summary>
    public required double Seconds { get; init; }
}

/// <summary>An image that was to be searched for and cannot be read.</summary>
public sealed record UnreadableQuery
{
    /// <summary>The image file.</summary>
    public required string Image { get; init; }

    /// <summary>Why, as a sentence.</summary>
    public required string Reason { get; init; }
}

/// <summary>What was found.</summary>
public sealed record SearchResult
{
    /// <summary>One for each image that was searched for and can be read.</summary>
    public required IReadOnlyList<SearchAnswer> Answers { get; init; }

    /// <summary>Images in the index.</summary>
    public required long Indexed { get; init; }

    /// <summary>The model that made the vectors.</summary>
    public required string Model { get; init; }

    /// <summary>The picture; null where there is none.</summary>
    public string? SheetFile { get; init; }

    /// <summary>Why there is no picture although one was asked for; else null.</summary>
    public string? SheetProblem { get; init; }

    /// <summary>Images that cannot be read.</summary>
    public IReadOnlyList<UnreadableQuery> Unreadable { get; init; } = [];
}
