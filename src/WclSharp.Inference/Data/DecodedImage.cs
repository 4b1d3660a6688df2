using System.Buffers;

namespace WclSharp.Data;

/// <summary>An image file by itself: decoded, upright and shrunk, in a rented buffer that <see cref="Dispose"/> gives back.</summary>
internal readonly struct DecodedImage : IDisposable
{
    private readonly byte[] buffer;

    private DecodedImage(byte[] buffer, int height, int width) => (this.buffer, Height, Width) = (buffer, height, width);

    /// <summary>Pixels from top to bottom.</summary>
    public int Height { get; }

    /// <summary>Pixels from left to right.</summary>
    public int Width { get; }

    /// <summary>[3, Height, Width]: red, green and blue planes.</summary>
    public ReadOnlySpan<byte> Pixels => buffer.AsSpan(0, 3 * Height * Width);

    /// <summary>Reads and decodes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="storedSide">Length that the shorter side is shrunk to, pixels.</param>
    /// <param name="maxPixels">Pixels that it may have.</param>
    /// <exception cref="UnreadableImageException">It cannot be read as an image; the message says why.</exception>
    public static DecodedImage OfFile(string path, int storedSide, long maxPixels = ImageDecoder.MaxPixels)
    {
        ArgumentNullException.ThrowIfNull(path);
        byte[]? content = null;
        try
        {
            (content, int length) = ImageFile.Read(path);
            return Decode(content.AsSpan(0, length), storedSide, maxPixels);
        }
        catch (Exception e) when (ImageFile.IsBad(e))
        {
            throw Unreadable($"'{path}'", e);
        }
        finally
        {
            if (content is not null) ArrayPool<byte>.Shared.Return(content);
        }
    }

    /// <summary>Decodes the bytes of a file.</summary>
    /// <param name="encoded">The bytes.</param>
    /// <param name="name">What they are called in a message.</param>
    /// <param name="storedSide">Length that the shorter side is shrunk to, pixels.</param>
    /// <param name="maxPixels">Pixels that it may have.</param>
    /// <exception cref="UnreadableImageException">They cannot be read as an image; the message says why.</exception>
    public static DecodedImage Of(ReadOnlySpan<byte> encoded, string name, int storedSide, long maxPixels = ImageDecoder.MaxPixels)
    {
        try
        {
            return Decode(encoded, storedSide, maxPixels);
        }
        catch (Exception e) when (ImageFile.IsBad(e))
        {
            throw Unreadable(name, e);
        }
    }

    /// <summary>Writes the image as a network sees it in evaluation.</summary>
    /// <param name="imageSize">S.</param>
    /// <param name="target">[3, S, S], 0 to 255.</param>
    public void WriteView(int imageSize, Span<float> target) => EvaluationView.Write(Pixels, 3, Height, Width, imageSize, target);

    public void Dispose() => ArrayPool<byte>.Shared.Return(buffer);

    private static DecodedImage Decode(ReadOnlySpan<byte> encoded, int storedSide, long maxPixels)
    {
        byte[] pixels = ImageDecoder.Decode(encoded, storedSide, out int height, out int width, maxPixels);
        return new(pixels, height, width);
    }

    private static UnreadableImageException Unreadable(string name, Exception e) => new($"{name} cannot be read as an image: {ImageFile.Reason(e)}.", e) { IsTransient = ImageFile.IsTransient(e) };
}
