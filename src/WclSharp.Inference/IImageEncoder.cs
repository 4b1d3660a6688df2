namespace WclSharp.Inference;

/// <summary>What makes features of images: an ONNX file (<see cref="OnnxEncoder"/>), or a run by libtorch (<c>ImageEncoder</c> of WclSharp).</summary>
/// <remarks>
/// Safe for use by several threads at once, whichever it is: each gets the results that it would get alone. Disposing of it while others use it is safe too; they get their result, or an
/// <see cref="ObjectDisposedException"/>.
/// </remarks>
public interface IImageEncoder : IDisposable
{
    /// <summary>Length of a feature vector.</summary>
    int FeatureSize { get; }

    /// <summary>Side of the images that the network sees, pixels.</summary>
    int ImageSize { get; }

    /// <summary>Features of an image file (JPEG, PNG, WebP, BMP, GIF or TIFF): <see cref="FeatureSize"/> numbers, whose direction is what similarity is measured by.</summary>
    /// <param name="imagePath">The file.</param>
    /// <exception cref="UnreadableImageException">The file cannot be read as an image; the message says why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    float[] Embed(string imagePath);

    /// <summary>Features of an image in memory.</summary>
    /// <param name="encodedImage">The bytes of an image file.</param>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    float[] Embed(ReadOnlySpan<byte> encodedImage);

    /// <summary>Features of an image in a stream.</summary>
    /// <param name="encodedImage">The bytes of an image file, 256 MiB at most: read, not asynchronously, from where the stream stands to its end, and left open. What it throws is passed on. (The body of a request in ASP.NET Core can be read asynchronously alone: copy it into memory first.)</param>
    /// <exception cref="UnreadableImageException">They are not an image; the message says why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    float[] Embed(Stream encodedImage);

    /// <summary>Features of many image files, in their order.</summary>
    /// <param name="imagePaths">The files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <exception cref="UnreadableImageException">One of them cannot be read as an image; the message says which and why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    float[][] Embed(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default);

    /// <summary>Features of many images in memory, in their order.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <exception cref="UnreadableImageException">One of them is not an image; the message says which, from 0, and why.</exception>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    float[][] Embed(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default);

    /// <summary>What the network makes of many image files, where some may be unreadable: these have their reason in the place of features.</summary>
    /// <param name="imagePaths">The files; a null among them is an <see cref="ArgumentException"/>.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order.</returns>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    ImageInference[] Infer(IReadOnlyList<string> imagePaths, CancellationToken cancellation = default);

    /// <summary>What the network makes of many images in memory, where some may be unreadable.</summary>
    /// <param name="encodedImages">The bytes of image files.</param>
    /// <param name="cancellation">Stops between some images and the next.</param>
    /// <returns>One for each, in their order.</returns>
    /// <exception cref="WclException">The network cannot be run.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed of.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    ImageInference[] Infer(IReadOnlyList<ReadOnlyMemory<byte>> encodedImages, CancellationToken cancellation = default);
}
