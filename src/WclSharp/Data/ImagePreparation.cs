using System.Buffers;

namespace WclSharp.Data;

/// <summary>Makes what a source gives ready to be stored: read, decoded, shrunk, planar uint8. Safe on any thread.</summary>
/// <param name="storedSide">Length that the shorter side is shrunk to, pixels.</param>
/// <param name="channels">Channels of the result.</param>
internal sealed class ImagePreparation(int storedSide, int channels)
{
    /// <summary>Prepares an image, and gives its bytes back to the pool.</summary>
    public PreparedImage Prepare((SourceImage Image, int ClassNumber) item)
    {
        var (image, classNumber) = item;
        var buffer = image.Bytes;
        try
        {
            if (image.Problem is not null) throw new BadImageException(image.Problem);
            if (image.Height > 0) return FromPixels(image, classNumber);
            int length = image.Length;
            if (image.File is { } file) (buffer, length) = ImageFile.Read(file);
            var pixels = ImageDecoder.Decode(buffer.AsSpan(0, length), storedSide, out int height, out int width);
            return new(image.Name, classNumber, null, pixels, 3 * height * width, height, width);
        }
        catch (Exception e) when (ImageFile.IsBad(e))
        {
            return new(image.Name, classNumber, ImageFile.Reason(e), null, 0, 0, 0) { IsTransient = ImageFile.IsTransient(e) };
        }
        finally
        {
            if (buffer is not null) ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private PreparedImage FromPixels(SourceImage image, int classNumber)
    {
        var size = StoredSize.For(image.Height, image.Width, storedSide);
        int plane = image.Height * image.Width, kept = size.KeptHeight * size.KeptWidth;
        var target = ArrayPool<byte>.Shared.Rent(channels * kept);
        for (int c = 0; c < channels; c++)
            PixelShrink.Plane(image.Bytes.AsSpan(c * plane, plane), image.Height, image.Width, size, target.AsSpan(c * kept, kept));
        return new(image.Name, classNumber, null, target, channels * kept, size.KeptHeight, size.KeptWidth);
    }
}
