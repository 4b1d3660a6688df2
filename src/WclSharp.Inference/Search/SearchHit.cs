namespace WclSharp.Inference;

/// <summary>An image that a search found.</summary>
public sealed record SearchHit
{
    /// <summary>Its row in the index, from 0.</summary>
    public required int Row { get; init; }

    /// <summary>Its path in the source that was indexed, or its number there.</summary>
    public required string Name { get; init; }

    /// <summary>Its class; null where there is none.</summary>
    public string? Label { get; init; }

    /// <summary>Cosine of its vector and the one that was searched for, -1 to 1; what rounding takes beyond is cut off.</summary>
    public required float Cosine { get; init; }
}
