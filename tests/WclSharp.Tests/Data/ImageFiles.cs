using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using SkiaSharp;

namespace WclSharp.Tests.Data;

/// <summary>
/// Small image files of every kind: 16 x 16 with a red, a green, a blue and a white quarter (left to right, then down).
/// </summary>
internal static class ImageFiles
{
    public static readonly (byte R, byte G, byte B)[] Quarters = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)];

    /// <summary>Adobe CMYK, inverted as that program writes it.</summary>
    public static byte[] CmykJpeg => Convert.FromBase64String(
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwANCQoLCggNCwoLDg4NDxMgFRMSEhMnHB4XIC4pMTAuKS0sMzpKPjM2RjcsLUBXQUZMTlJTUjI+WmFaUGBKUVJP/8AAFAgAEAAQBEMRAE0RAFkR" +
        "AEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYn" +
        "KCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq" +
        "8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD06vMK8wr06vmKvp2iiivmKvp2ivp2vp2iiv/Z");

    /// <summary>Progressive JPEG.</summary>
    public static byte[] ProgressiveJpeg => Convert.FromBase64String(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZP" +
        "NS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wgARCAAQABADAREAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABQYH/8QAGAEAAgMA" +
        "AAAAAAAAAAAAAAAABAYDBQf/2gAMAwEAAhADEAAAATwmRcTPJl8udGW5v//EABQQAQAAAAAAAAAAAAAAAAAAACD/2gAIAQEAAQUCH//EABQRAQAAAAAAAAAAAAAAAAAAACD/2gAIAQMB" +
        "AT8BH//EABQRAQAAAAAAAAAAAAAAAAAAACD/2gAIAQIBAT8BH//EABQQAQAAAAAAAAAAAAAAAAAAACD/2gAIAQEABj8CH//EABQQAQAAAAAAAAAAAAAAAAAAACD/2gAIAQEAAT8hH//a" +
        "AAwDAQACAAMAAAAQZw//xAAUEQEAAAAAAAAAAAAAAAAAAAAg/9oACAEDAQE/EB//xAAUEQEAAAAAAAAAAAAAAAAAAAAg/9oACAECAQE/EB//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oA" +
        "CAEBAAE/EB//2Q==");

    /// <summary>GIF whose second frame is dark grey.</summary>
    public static byte[] AnimatedGif => Convert.FromBase64String(
        "R0lGODdhEAAQAIEAAP///wD/AP8AAAAA/ywAAAAAEAAQAAAIRgAFCBwoMIDBgwYJEkSIUOFAhgcdFoQYQKIAihUlYrS4USPFASBDggRAsiRJkSJNmkQZUmVJliNdAoA5QOZMmDZp5sQp" +
        "MyAALAAAAAAQABAAgQkJCQAAAAAAAAAAAAgdAAEIHEiwoMGDCBMqXMiwocOHECNKnEixosWBAQEAOw==");

    /// <summary>GIF of 48 x 48 pixels: columns of black and white in turn.</summary>
    public static byte[] StripedGif => Convert.FromBase64String(
        "R0lGODdhMAAwAIEAAAAAAP///wAAAAAAACwAAAAAMAAwAEAIbgABBBBIcKDBgggPKkzIcKHDhhAfSoxIcaLFihgvaszIcaPHjiA/igxJcqTJkihPqkzJcqXLljBfyoxJc6bNmjhv6szJ" +
        "c6fPnkB/Cg1KdKjRokiPKk3KdKnTplCfSo1KdarVqlivas3KdavXrgEBADs=");

    /// <summary>TIFF, LZW.</summary>
    public static byte[] LzwTiff => Convert.FromBase64String(
        "SUkqAHIAAACAP8AACBQSBwWEQeFQuEwaHQ2BRCGROHQ+KRKDRiNQuLR2NxuPRyQR+LyWKyOSyiQyaUSqMSuWyyTTCZTWNP+cTmdTueTmbRee0GhT+PUKjTuiRCj0uXUCmUakwyn1CaTC" +
        "p0Oqzerz2AgACgAAAQMAAQAAABAAAAABAQMAAQAAABAAAAACAQMAAwAAAPAAAAADAQMAAQAAAAUAAAAGAQMAAQAAAAIAAAARAQQAAQAAAAgAAAAVAQMAAQAAAAMAAAAWAQMAAQAAABAA" +
        "AAAXAQQAAQAAAGkAAAAcAQMAAQAAAAEAAAAAAAAACAAIAAgA");

    /// <summary>TIFF, CMYK, deflate.</summary>
    public static byte[] DeflateCmykTiff => Convert.FromBase64String(
        "SUkqACgAAAB4nGP4/5+BAQ8mBPHpHdU/+PUT0E4QjOof2voBL1p+kAoAAAEDAAEAAAAQAAAAAQEDAAEAAAAQAAAAAgEDAAQAAACmAAAAAwEDAAEAAAAIAAAABgEDAAEAAAAFAAAAEQEE" +
        "AAEAAAAIAAAAFQEDAAEAAAAEAAAAFgEDAAEAAAAQAAAAFwEEAAEAAAAgAAAAHAEDAAEAAAABAAAAAAAAAAgACAAIAAgA");

    /// <summary>Colour of a pixel of an image whose quarters are these.</summary>
    public static (byte R, byte G, byte B) Colour(int y, int x, int height, int width) => Quarters[(y * 2 / height * 2) + (x * 2 / width)];

    public static byte[] Skia(SKEncodedImageFormat format, int height = 16, int width = 16, int quality = 95)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var rgba = new byte[height * width * 4];
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
            {
                var (r, g, b) = Colour(y, x, height, width);
                ((ReadOnlySpan<byte>)[r, g, b, 255]).CopyTo(rgba.AsSpan((y * width + x) * 4));
            }
        System.Runtime.InteropServices.Marshal.Copy(rgba, 0, bitmap.GetPixels(), rgba.Length);
        using var data = bitmap.Encode(format, quality);
        return data.ToArray();
    }

    /// <summary>A PNG of grey pixels, row by row.</summary>
    public static byte[] GreyPng(ReadOnlySpan<byte> pixels, int height, int width)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Gray8, SKAlphaType.Opaque);
        Assert.Equal(pixels.Length, bitmap.ByteCount);
        pixels.CopyTo(bitmap.GetPixelSpan());
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    public static byte[] Jpeg(int height = 16, int width = 16) => Skia(SKEncodedImageFormat.Jpeg, height, width);

    /// <summary>A JPEG with an EXIF orientation, a SHORT or a LONG.</summary>
    public static byte[] JpegTurned(int orientation, bool isLong = false)
    {
        byte[] exif =
        [
            0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, .. "MM\0*"u8, 0, 0, 0, 8, // big-endian TIFF header, directory at 8
            0, 1, .. OrientationField(orientation, isLong), // one entry
            0, 0, 0, 0,
        ];
        var jpeg = Jpeg(16, 32);
        return [.. jpeg[..2], .. exif, .. jpeg[2..]];
    }

    private static byte[] OrientationField(int orientation, bool isLong) =>
        isLong ? [0x01, 0x12, 0, 4, 0, 0, 0, 1, 0, 0, 0, (byte)orientation] : [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0];

    /// <summary>A WebP with an EXIF orientation.</summary>
    public static byte[] WebPTurned(int orientation, bool isLong)
    {
        byte[] plain = Skia(SKEncodedImageFormat.Webp, 16, 32), exif = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, .. OrientationField(orientation, isLong), 0, 0, 0, 0];
        byte[] extended = [8, 0, 0, 0, 31, 0, 0, 15, 0, 0]; // it has EXIF; width and height less 1
        byte[] chunks = [.. "WEBP"u8, .. Chunk("VP8X"u8, extended), .. plain[12..], .. Chunk("EXIF"u8, exif)];
        return [.. "RIFF"u8, .. BitConverter.GetBytes(chunks.Length), .. chunks];

        static byte[] Chunk(ReadOnlySpan<byte> name, byte[] content) => [.. name, .. BitConverter.GetBytes(content.Length), .. content];
    }

    /// <summary>A PNG with an EXIF orientation, or some bytes of it, before the pixels or after them.</summary>
    public static byte[] PngTurned(int orientation, bool bigEndian = true, bool last = false, Range? part = null, bool isLong = false)
    {
        byte[] exif = bigEndian
            ? [.. "MM\0*"u8, 0, 0, 0, 8, 0, 2, 1, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 32, .. OrientationField(orientation, isLong), 0, 0, 0, 0]
            : [.. "II*\0"u8, 8, 0, 0, 0, 2, 0, 0, 1, 4, 0, 1, 0, 0, 0, 32, 0, 0, 0, 0x12, 0x01, (byte)(isLong ? 4 : 3), 0, 1, 0, 0, 0, (byte)orientation, 0, 0, 0, 0, 0, 0, 0];
        using var chunk = new MemoryStream();
        Chunk(chunk, "eXIf", exif[part ?? ..]);
        var png = Skia(SKEncodedImageFormat.Png, 16, 32);
        int at = last ? png.Length - 12 : 8 + 25; // after the header's chunk, or before the one that ends the file
        return [.. png[..at], .. chunk.ToArray(), .. png[at..]];
    }

    /// <summary>A PNG from its rows, each with its filter byte in front.</summary>
    public static byte[] Png(int height, int width, int bitDepth, int colourType, IEnumerable<byte[]> rows, params (string Type, byte[] Content)[] chunks)
    {
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)bitDepth, (byte)colourType);
        Chunk(file, "IHDR", header);
        foreach (var (type, content) in chunks) Chunk(file, type, content);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            foreach (var row in rows) zlib.Write(row);
        Chunk(file, "IDAT", packed.ToArray());
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    /// <summary>Rows of a 16 x 16 PNG, each pixel made of its quarter's number and colour.</summary>
    public static IEnumerable<byte[]> Rows(Func<int, (byte R, byte G, byte B), byte[]> pixel)
    {
        for (int y = 0; y < 16; y++)
            yield return [0, .. Enumerable.Range(0, 16).SelectMany(x => pixel(y / 8 * 2 + x / 8, Colour(y, x, 16, 16)))];
    }

    public static byte[] Png16 => Png(16, 16, 16, 2, Rows((_, c) => [c.R, c.R, c.G, c.G, c.B, c.B]));

    public static byte[] PngPalette => Png(16, 16, 8, 3, Rows((quarter, _) => [(byte)quarter]),
        ("PLTE", [.. Quarters.SelectMany(c => new[] { c.R, c.G, c.B })]));

    /// <summary>The white quarter is transparent black instead, and the red one half transparent.</summary>
    public static byte[] PngAlpha => Png(16, 16, 8, 6, Rows((quarter, c) => quarter == 3 ? [0, 0, 0, 0] : [c.R, c.G, c.B, (byte)(quarter == 0 ? 128 : 255)]));

    /// <summary>A bottom-up BMP of 24 bits a pixel, or a top-down one where the height is negative.</summary>
    public static byte[] Bmp(bool topDown)
    {
        var file = new byte[54 + 16 * 16 * 3];
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(2), file.Length);
        file[10] = 54;
        file[14] = 40;
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), 16);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), topDown ? -16 : 16);
        (file[26], file[28]) = (1, 24);
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 16; x++)
            {
                var (r, g, b) = Colour(topDown ? y : 15 - y, x, 16, 16);
                ((byte[])[b, g, r]).CopyTo(file, 54 + (y * 16 + x) * 3);
            }
        return file;
    }

    /// <summary>A BMP of 32 bits a pixel with a mask for alpha (BITMAPV4HEADER), which each quarter has its own of.</summary>
    public static byte[] BmpAlpha(Func<int, byte> alpha)
    {
        const int Header = 14 + 108;
        var file = new byte[Header + 16 * 16 * 4];
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(2), file.Length);
        (file[10], file[14], file[18], file[22], file[26], file[28], file[30]) = (Header, 108, 16, 16, 1, 32, 3); // bit fields
        foreach (var (i, mask) in ((uint[])[0xFF0000, 0xFF00, 0xFF, 0xFF000000]).Index()) BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(54 + 4 * i), mask);
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 16; x++)
            {
                var (r, g, b) = Colour(15 - y, x, 16, 16);
                ((byte[])[b, g, r, alpha((15 - y) / 8 * 2 + x / 8)]).CopyTo(file, Header + (y * 16 + x) * 4);
            }
        return file;
    }

    /// <summary>An uncompressed TIFF of 8 or 16 bits a channel, in either byte order, with an orientation.</summary>
    public static byte[] Tiff(bool bigEndian = false, int bits = 8, int orientation = 1, bool isLong = false)
    {
        (int Tag, int Value)[] fields =
            [(256, 16), (257, 16), (258, 8 + 2 + 12 * 10 + 4), (259, 1), (262, 2), (273, 8 + 2 + 12 * 10 + 4 + 6), (274, orientation), (277, 3), (278, 16), (279, 16 * 16 * 3 * bits / 8)];
        using var file = new MemoryStream();
        void Short(int value) => file.Write(bigEndian ? [(byte)(value >> 8), (byte)value] : [(byte)value, (byte)(value >> 8)]);
        void Long(int value)
        {
            Short(bigEndian ? value >> 16 : value & 0xFFFF);
            Short(bigEndian ? value & 0xFFFF : value >> 16);
        }
        file.Write(bigEndian ? "MM"u8 : "II"u8);
        Short(42);
        Long(8);
        Short(fields.Length);
        foreach (var (tag, value) in fields)
        {
            Short(tag);
            bool isShort = tag == 258 || (tag == 274 && !isLong);
            Short(isShort ? 3 : 4);
            Long(tag == 258 ? 3 : 1);
            if (tag == 274 && isShort) // a short lies in the field's first half
            {
                Short(value);
                Short(0);
            }
            else
            {
                Long(value);
            }
        }
        Long(0);
        for (int c = 0; c < 3; c++) Short(bits);
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 16; x++)
            {
                var (r, g, b) = Colour(y, x, 16, 16);
                foreach (byte value in (byte[])[r, g, b])
                    for (int i = 0; i < bits / 8; i++) file.WriteByte(value);
            }
        return file.ToArray();
    }

    private static void Chunk(Stream file, string type, byte[] content)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. content];
        file.Write(length);
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(length, Crc32(body));
        file.Write(length);
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++) crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }
        return ~crc;
    }
}
