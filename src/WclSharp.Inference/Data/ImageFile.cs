using System.Buffers;
using System.Globalization;

namespace WclSharp.Data;

/// <summary>Reads image files whole, but none that cannot be one.</summary>
internal static class ImageFile
{
    /// <summary>Bytes that an image file may have. More is no image that anybody trains on.</summary>
    public const int MaxBytes = 256 << 20;

    /// <summary>Why a file of this many bytes is refused; null where it is not.</summary>
    public static string? TooLarge(long bytes) => bytes <= MaxBytes ? null
        : string.Create(CultureInfo.InvariantCulture, $"claims {bytes:N0} bytes, over the limit of {MaxBytes:N0}");

    /// <summary>A file's content in a rented buffer.</summary>
    /// <exception cref="BadImageException">There is no such file, or it is empty or too large.</exception>
    public static (byte[] Buffer, int Length) Read(string path)
    {
        if (path.Length == 0) throw new BadImageException("its path is empty");
        if (path.Contains('\0')) throw new BadImageException("its path has a character that no path has");
        // Asked before the file is opened: opening a pipe or a device waits, and these have no length.
        var info = new FileInfo(path);
        if (!info.Exists) throw Directory.Exists(path) ? new("it is a folder") : path.Contains('\uFFFD') ? new("its name is not UTF-8; rename it") : new BadImageException("there is no such file") { IsTransient = true };
        bool isLink = (info.Attributes & FileAttributes.ReparsePoint) != 0; // known by now; resolving asks the system again
        if (isLink && info.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) info = target;
        if (info.Length == 0) throw new BadImageException(SpecialFile.Is(path) ? SpecialFile.Problem : "the file is empty");
        if (TooLarge(info.Length) is { } problem) throw new BadImageException(problem);

        using var handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var buffer = ArrayPool<byte>.Shared.Rent((int)info.Length);
        int length = 0;
        for (int read; length < info.Length && (read = RandomAccess.Read(handle, buffer.AsSpan(length, (int)info.Length - length), length)) > 0;) length += read;
        return (buffer, length);
    }

    /// <summary>True for what reading or decoding an image throws where the image is to blame.</summary>
    public static bool IsBad(Exception e) => e is BadImageException or IOException or UnauthorizedAccessException or OutOfMemoryException;

    /// <summary>Whether it may be readable another time, unchanged: where the disk, the network, a permission or the memory is to blame.</summary>
    public static bool IsTransient(Exception e) => e is not BadImageException { IsTransient: false };

    /// <summary>True for a file whose bytes can be read, whatever they are.</summary>
    public static bool CanBeRead(string path)
    {
        try
        {
            ArrayPool<byte>.Shared.Return(Read(path).Buffer);
            return true;
        }
        catch (Exception e) when (IsBad(e))
        {
            return false;
        }
    }

    /// <summary>Why an image cannot be read, in a few words.</summary>
    public static string Reason(Exception e) => e switch
    {
        BadImageException => e.Message,
        OutOfMemoryException => "there is not enough memory to decode it",
        UnauthorizedAccessException => "reading it is not permitted",
        _ => ErrorText.Of(e),
    };
}
