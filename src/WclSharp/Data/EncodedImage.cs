namespace WclSharp.Data;

/// <summary>An image that is no file: from a database, a camera, a request.</summary>
/// <param name="Name">What it is called: in lists of labels, in messages; like a path, with '/' between parts. Not null; better not empty, and not twice.</param>
/// <param name="Content">An image file's bytes, of any format that is read from files. Copied while it is enumerated.</param>
/// <param name="Class">Its class; null or empty is unlabelled.</param>
public sealed record EncodedImage(string Name, ReadOnlyMemory<byte> Content, string? Class = null);
