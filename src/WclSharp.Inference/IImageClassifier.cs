namespace WclSharp.Inference;

/// <summary>What tells classes of images: an ONNX file (<see cref="OnnxEncoder"/>), or a fine-tuned network by libtorch (<c>ImageClassifier</c> of WclSharp).</summary>
public interface IImageClassifier : IDisposable
{
    /// <summary>The classes; none where it is an encoder alone.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>What an image file shows (JPEG, PNG, WebP, BMP, GIF or TIFF): every class with its probability, the most probable first.</summary>
    /// <param name="imagePath">The file.</param>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image; the message says why.</exception>
    /// <exception cref="WclUsageException">It is an encoder alone.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    IReadOnlyList<ClassProbability> Classify(string imagePath);

    /// <summary>What an image in memory shows.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclUsageException">It is an encoder alone.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    IReadOnlyList<ClassProbability> Classify(ReadOnlySpan<byte> encodedImage);

    /// <summary>What many image files show, in their order.</summary>
    /// <param name="imagePaths">The files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <exception cref="UnreadableImageException">One of them cannot be read as an image; the message says which and why.</exception>
    /// <exception cref="WclUsageException">It is an encoder alone.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    IReadOnlyList<ClassProbability>[] Classify(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default);

    /// <summary>What many images in memory show, in their order.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <exception cref="UnreadableImageException">One of them is not an image; the message says which, from 0, and why.</exception>
    /// <exception cref="WclUsageException">It is an encoder alone.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    IReadOnlyList<ClassProbability>[] Classify(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default);
}
