using System.Buffers;
using System.Globalization;

namespace WclSharp.Data;

/// <summary>Makes what a source gives ready to be stored: read, decoded, shrunk, planar uint8. Safe on any thread.</summary>
/// <param name="storedSide">Length that the shorter side is shrunk to, pixels.</param>
/// <param name="channels">Channels of the result.</param>
internal sealed class ImagePreparation(int storedSide, int channels)
{
    /// <summary>Bytes that an image file may have. More is no image that anybody trains on.</summary>
    public const int MaxFileBytes = 256 << 20;

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
            if (image.File is { } file) (buffer, length) = ReadFile(file);
            var pixels = ImageDecoder.Decode(buffer.AsSpan(0, length), storedSide, out int height, out int width);
            return new(image.Name, classNumber, null, pixels, 3 * height * width, height, width);
        }
        catch (Exception e) when (e is BadImageException or IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            return new(image.Name, classNumber, Reason(e), null, 0, 0, 0);
        }
        finally
        {
            if (buffer is not null) ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Why a file of this many bytes is refused; null where it is not.</summary>
    public static string? TooLarge(long bytes) => bytes <= MaxFileBytes ? null
        : string.Create(CultureInfo.InvariantCulture, $"claims {bytes:N0} bytes, over the limit of {MaxFileBytes:N0}");

    private PreparedImage FromPixels(SourceImage image, int classNumber)
    {
        var size = StoredSize.For(image.Height, image.Width, storedSide);
        int plane = image.Height * image.Width, kept = size.KeptHeight * size.KeptWidth;
        var target = ArrayPool<byte>.Shared.Rent(channels * kept);
        for (int c = 0; c < channels; c++)
            PixelShrink.Plane(image.Bytes.AsSpan(c * plane, plane), image.Height, image.Width, size, target.AsSpan(c * kept, kept));
        return new(image.Name, classNumber, null, target, channels * kept, size.KeptHeight, size.KeptWidth);
    }

    private static (byte[] Buffer, int Length) ReadFile(string path)
    {
        // Asked before the file is opened: opening a pipe or a device waits, and these have no length.
        var info = new FileInfo(path);
        if (!info.Exists) throw new BadImageException(Directory.Exists(path) ? "it is a folder" : "there is no such file");
        if (info.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) info = target;
        if (info.Length == 0) throw new BadImageException("the file is empty");
        if (TooLarge(info.Length) is { } problem) throw new BadImageException(problem);

        using var handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var buffer = ArrayPool<byte>.Shared.Rent((int)info.Length);
        int length = 0;
        for (int read; length < info.Length && (read = RandomAccess.Read(handle, buffer.AsSpan(length, (int)info.Length - length), length)) > 0;) length += read;
        return (buffer, length);
    }

    private static string Reason(Exception e) => e switch
    {
        BadImageException => e.Message,
        OutOfMemoryException => "there is not enough memory to decode it",
        UnauthorizedAccessException => "reading it is not permitted",
        _ => e.Message.ReplaceLineEndings(" ").TrimEnd('.'),
    };
}
