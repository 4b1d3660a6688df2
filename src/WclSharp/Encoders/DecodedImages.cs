using System.Runtime.ExceptionServices;
using WclSharp.Data;

namespace WclSharp.Encoders;

/// <summary>Some images, decoded on several threads, whose buffers go back together.</summary>
internal sealed class DecodedImages : IDisposable
{
    private readonly DecodedImage?[] images;

    private DecodedImages(int count) => (images, Errors) = (new DecodedImage?[count], new Exception?[count]);

    /// <summary>Those that could be read, in their order.</summary>
    public IReadOnlyList<DecodedImage> Readable => [.. images.OfType<DecodedImage>()];

    /// <summary>For each image, why it could not be read; null where it could.</summary>
    public Exception?[] Errors { get; }

    /// <summary>Decodes images.</summary>
    /// <param name="count">Their number.</param>
    /// <param name="decode">Decodes image i. On any thread.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <param name="goOn">Whether images that cannot be read are passed over.</param>
    /// <exception cref="UnreadableImageException">One cannot be read: the first of those that cannot.</exception>
    public static DecodedImages Of(int count, Func<int, DecodedImage> decode, CancellationToken cancellation, bool goOn = false)
    {
        var all = new DecodedImages(count);
        try
        {
            Parallel.For(0, count, new ParallelOptions { CancellationToken = cancellation }, i =>
            {
                try
                {
                    all.images[i] = decode(i);
                }
                catch (Exception e)
                {
                    all.Errors[i] = e;
                }
            });
            if (Array.Find(all.Errors, error => error is not null && !(goOn && error is UnreadableImageException)) is { } bad) ExceptionDispatchInfo.Throw(bad);
            return all;
        }
        catch
        {
            all.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var image in images) image?.Dispose();
        Array.Clear(images); // a buffer that is given back twice would be another's too
    }
}
