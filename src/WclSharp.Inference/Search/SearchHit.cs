namespace WclSharp.Inference;

/// <summary>An image that a search found.</summary>
/// <param name="Row">Its row in the index, from 0.</param>
/// <param name="Name">Its path in the source that was indexed, or its number there.</param>
/// <param name="Label">Its class; null where there is none.</param>
/// <param name="Cosine">Cosine of its vector and the one that was searched for, -1 to 1; what rounding takes beyond is cut off.</param>
public sealed record SearchHit(int Row, string Name, string? Label, float Cosine);
