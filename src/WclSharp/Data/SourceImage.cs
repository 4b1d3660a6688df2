namespace WclSharp.Data;

/// <summary>One image as a source gives it: bytes of an image file, the name of such a file, or pixels.</summary>
internal readonly record struct SourceImage
{
    /// <summary>Path relative to the source, with '/' between its parts.</summary>
    public required string Name { get; init; }

    /// <summary>Class, where the source knows it; null is unlabelled, or told by the folder.</summary>
    public string? Class { get; init; }

    /// <summary>Why the image cannot be read; null where nothing is known against it.</summary>
    public string? Problem { get; init; }

    /// <summary>Image file to read; null where <see cref="Bytes"/> has the content.</summary>
    public string? File { get; init; }

    /// <summary>Rented buffer with an encoded image or planar pixels; null for an image that is only listed.</summary>
    public byte[]? Bytes { get; init; }

    /// <summary>Bytes used of <see cref="Bytes"/>.</summary>
    public int Length { get; init; }

    /// <summary>Height of planar pixels; 0 for an encoded image.</summary>
    public int Height { get; init; }

    /// <summary>Width of planar pixels; 0 for an encoded image.</summary>
    public int Width { get; init; }
}
