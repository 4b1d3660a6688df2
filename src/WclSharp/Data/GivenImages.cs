using System.Buffers;

namespace WclSharp.Data;

/// <summary>Images that a program hands over.</summary>
/// <param name="images">The images; enumerated once for each listing.</param>
internal sealed class GivenImages(IEnumerable<EncodedImage> images) : ImageSource
{
    /// <inheritdoc/>
    public override string Description => "images of the program";

    /// <inheritdoc/>
    public override int? Total => images.TryGetNonEnumeratedCount(out int count) ? count : null;

    /// <inheritdoc/>
    public override IEnumerable<SourceImage> Images(Func<int, bool> wanted)
    {
        foreach (var (i, image) in images.Index())
        {
            if (image is null) throw new WclUsageException($"Image {i} of those given is null.");
            if (image.Name is null) throw new WclUsageException($"Image {i} of those given has a name that is null; name it, if only by its number.");
            string? named = string.IsNullOrEmpty(image.Class) ? null : image.Class;
            var listed = new SourceImage { Name = image.Name, Class = named };
            if (!wanted(i))
            {
                yield return listed;
                continue;
            }

            byte[] bytes = ArrayPool<byte>.Shared.Rent(Math.Max(1, image.Content.Length));
            image.Content.Span.CopyTo(bytes);
            yield return listed with { Bytes = bytes, Length = image.Content.Length };
        }
    }
}
