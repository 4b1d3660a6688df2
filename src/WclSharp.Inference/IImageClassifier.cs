namespace WclSharp.Inference;

/// <summary>What tells classes of images: an ONNX file (<see cref="OnnxEncoder"/>), or a fine-tuned network by libtorch (<c>ImageClassifier</c> of WclSharp).</summary>
/// <remarks>
/// Safe for use by several threads at once, whichever it is: each gets the results that it would get alone. Disposing of it while others use it is safe too; they get their result, or an
/// <see cref="ObjectDisposedException"/>.
/// </remarks>
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

    /// <summary>What an image in a stream shows.</summary>
    /// <param name="encodedImage">The bytes of an image file, 256 MiB at most: read, not asynchronously, from where the stream stands to its end, and left open. What it throws is passed on.</param>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclUsageException">It is an encoder alone.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    IReadOnlyList<ClassProbability> Classify(Stream encodedImage);

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

    /// <summary>What the network makes of many image files, where some may be unreadable: these have their reason in the place of classes.</summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order; of an encoder alone without classes.</returns>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    ImageInference[] Infer(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default);

    /// <summary>What the network makes of many images in memory, where some may be unreadable.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order; of an encoder alone without classes.</returns>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The classifier was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    ImageInference[] Infer(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default);
}
