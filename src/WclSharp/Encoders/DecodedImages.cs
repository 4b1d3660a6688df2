using System.Runtime.ExceptionServices;
using WclSharp.Data;

namespace WclSharp.Encoders;

/// <summary>Some images, decoded on several threads, whose buffers go back together.</summary>
internal sealed class DecodedImages : IDisposable
{
    private readonly DecodedImage?[] images;

    private DecodedImages(int count) => images = new DecodedImage?[count];

    /// <summary>The images in their order.</summary>
    public IReadOnlyList<DecodedImage> All => [.. images.Select(image => image!.Value)];

    /// <summary>Decodes images.</summary>
    /// <param name="count">Their number.</param>
    /// <param name="decode">Decodes image i. On any thread.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <exception cref="UnreadableImageException">One cannot be read: the first of those that cannot.</exception>
    public static DecodedImages Of(int count, Func<int, DecodedImage> decode, CancellationToken cancellation)
    {
        var all = new DecodedImages(count);
        var errors = new Exception?[count];
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
                    errors[i] = e;
                }
            });
            if (Array.Find(errors, error => error is not null) is { } bad) ExceptionDispatchInfo.Throw(bad);
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
