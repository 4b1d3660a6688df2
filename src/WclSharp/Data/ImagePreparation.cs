using System.Buffers;

namespace WclSharp.Data;

/// <summary>Makes what a source gives ready to be stored: decoded, shrunk, planar uint8. Safe on any thread.</summary>
/// <param name="storedSide">Length that the shorter side is shrunk to, pixels.</param>
/// <param name="channels">Channels of the result.</param>
internal sealed class ImagePreparation(int storedSide, int channels)
{
    /// <summary>Prepares an image, and gives its bytes back to the pool.</summary>
    public PreparedImage Prepare((SourceImage Image, int ClassNumber) item)
    {
        var (image, classNumber) = item;
        try
        {
            if (image.Problem is not null) return new(image.Name, classNumber, image.Problem, null, 0, 0, 0);
            return FromPixels(image, classNumber);
        }
        finally
        {
            if (image.Bytes is not null) ArrayPool<byte>.Shared.Return(image.Bytes);
        }
    }

    private PreparedImage FromPixels(SourceImage image, int classNumber)
    {
        var size = PlanarShrink.StoredSize(image.Height, image.Width, storedSide);
        int plane = image.Height * image.Width, kept = size.KeptHeight * size.KeptWidth;
        var target = ArrayPool<byte>.Shared.Rent(channels * kept);
        var source = image.Bytes.AsSpan(0, image.Length);
        for (int c = 0; c < channels; c++)
        {
            if (kept == plane) source.Slice(c * plane, plane).CopyTo(target.AsSpan(c * kept));
            else PlanarShrink.Plane(source.Slice(c * plane, plane), image.Height, image.Width, size, target.AsSpan(c * kept, kept));
        }
        return new(image.Name, classNumber, null, target, channels * kept, size.KeptHeight, size.KeptWidth);
    }
}
