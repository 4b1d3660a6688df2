namespace WclSharp.Data;

/// <summary>Of images that a source names none can be read: they are gone, out of reach, or no images.</summary>
internal sealed class NoImageReadException(string message) : WclException(message);
