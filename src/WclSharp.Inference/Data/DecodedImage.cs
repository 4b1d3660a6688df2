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

    /// <summary>Reads a stream to its end and decodes what it holds.</summary>
    /// <param name="stream">The stream, read from where it stands and left open. What it throws is not changed.</param>
    /// <param name="storedSide">Length that the shorter side is shrunk to, pixels.</param>
    /// <param name="maxPixels">Pixels that it may have.</param>
    /// <exception cref="UnreadableImageException">What it holds cannot be read as an image, or is longer than any; the message says why.</exception>
    public static DecodedImage OfStream(Stream stream, int storedSide, long maxPixels = ImageDecoder.MaxPixels)
    {
        const int Room = 1 << 16;
        ArgumentNullException.ThrowIfNull(stream);
        // One byte more than it says that it has: then its end is found without another buffer.
        long rest = stream.CanSeek ? Math.Clamp(stream.Length - stream.Position, 0, ImageFile.MaxBytes) : 0;
        byte[] content = Rented((int)Math.Max(Room, rest + 1));
        try
        {
            int length = 0;
            for (int read; (read = stream.Read(content, length, Math.Min(content.Length - length, ImageFile.MaxBytes + 1 - length))) > 0;)
            {
                length += read;
                if (ImageFile.TooLarge(length) is not null)
                    throw new UnreadableImageException(FormattableString.Invariant($"The image cannot be read as an image: its stream has more than {ImageFile.MaxBytes:N0} bytes, the limit of image files."));
                if (length < content.Length) continue;
                byte[] larger = Rented(2 * length);
                content.AsSpan(0, length).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(content);
                content = larger;
            }
            return Of(content.AsSpan(0, length), "The image", storedSide, maxPixels);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(content);
        }

        static byte[] Rented(int bytes)
        {
            try
            {
                return ArrayPool<byte>.Shared.Rent(bytes);
            }
            catch (OutOfMemoryException e)
            {
                throw Unreadable("The image", e);
            }
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
