using System.Diagnostics.CodeAnalysis;

namespace WclSharp.Inference;

/// <summary>What a network makes of an image, or why the image cannot be read.</summary>
public sealed class ImageInference
{
    internal ImageInference(float[] features, IReadOnlyList<ClassProbability> classes) => (Features, Classes) = (features, classes);

    internal ImageInference(UnreadableImageException error) => (Error, Classes) = (error, []);

    /// <summary>Whether the image could be read.</summary>
    [MemberNotNullWhen(true, nameof(Features))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsReadable => Error is null;

    /// <summary>Features, <see cref="IImageEncoder.FeatureSize"/> numbers; null where the image cannot be read.</summary>
    public float[]? Features { get; }

    /// <summary>Every class with its probability, the most probable first; empty where it is an encoder alone, or the image cannot be read.</summary>
    public IReadOnlyList<ClassProbability> Classes { get; }

    /// <summary>Why the image cannot be read; null where it can.</summary>
    public UnreadableImageException? Error { get; }
}
