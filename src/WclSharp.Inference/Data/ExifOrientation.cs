using System.Buffers.Binary;

namespace WclSharp.Data;

/// <summary>
/// The EXIF orientation of an image as other readers take it, a SHORT or a LONG (EXIF 2.32 has SHORT alone; some programs write LONG). Skia tells nothing of PNG's, and takes SHORT alone of
/// JPEG and WebP; LibTiff.NET takes SHORT alone.
/// </summary>
internal static class ExifOrientation
{
    private const int Upright = 1, Last = 8, Tag = 0x0112, Short = 3, Long = 4;
    private const int Signature = 8, ChunkFrame = 12, EntryBytes = 12; // a PNG's chunk has a length, a type and a checksum around its content
    private const byte StartOfScan = 0xDA, App1 = 0xE1;

    /// <summary>The orientation of a file; upright where none is told, or not in a way that can be read.</summary>
    public static int Of(ReadOnlySpan<byte> file, ImageFormat format) => format switch
    {
        ImageFormat.Png => OfPng(file),
        ImageFormat.Jpeg => OfJpeg(file),
        ImageFormat.WebP => OfWebP(file),
        ImageFormat.Tiff => OfTiff(file),
        _ => Upright,
    };

    /// <summary>From the chunk eXIf (PNG 3, section 11.3.4.5), before or after the pixels.</summary>
    private static int OfPng(ReadOnlySpan<byte> file)
    {
        for (long at = Signature; at + ChunkFrame <= file.Length;)
        {
            var chunk = file[(int)at..];
            uint length = BinaryPrimitives.ReadUInt32BigEndian(chunk);
            if (length > chunk.Length - ChunkFrame) break;
            if (chunk[4..8].SequenceEqual("eXIf"u8)) return OfExif(chunk.Slice(8, (int)length));
            at += ChunkFrame + length;
        }
        return Upright;
    }

    /// <summary>From the first segment APP1 that says that it has it, before the pixels.</summary>
    private static int OfJpeg(ReadOnlySpan<byte> file)
    {
        for (int at = 2; at + 4 <= file.Length && file[at] == 0xFF;)
        {
            byte marker = file[at + 1];
            if (marker == 0xFF) // fill byte
            {
                at++;
                continue;
            }
            int length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]), end = at + 2 + length;
            if (marker == StartOfScan || length < 2 || end > file.Length) break;
            if (marker == App1 && file[(at + 4)..end] is var content && content.StartsWith("Exif\0\0"u8)) return OfExif(content);
            at = end;
        }
        return Upright;
    }

    /// <summary>From the chunk EXIF (RFC 9649, section 2.7.1.5), which comes after the pixels.</summary>
    private static int OfWebP(ReadOnlySpan<byte> file)
    {
        for (long at = 12; at + 8 <= file.Length;)
        {
            var chunk = file[(int)at..];
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            if (length > chunk.Length - 8) break;
            if (chunk.StartsWith("EXIF"u8)) return OfExif(chunk.Slice(8, (int)length));
            at += 8 + length + (length & 1);
        }
        return Upright;
    }

    private static int OfExif(ReadOnlySpan<byte> exif) => OfTiff(exif.StartsWith("Exif\0\0"u8) ? exif[6..] : exif); // as JPEGs have it, left in others by programs that copy it

    /// <summary>Looks through the first directory of what is built like a TIFF.</summary>
    private static int OfTiff(ReadOnlySpan<byte> tiff)
    {
        bool little = tiff.StartsWith("II*\0"u8);
        if (tiff.Length < 8 || (!little && !tiff.StartsWith("MM\0*"u8))) return Upright;
        uint directory = LongNumber(tiff[4..]);
        if (directory > tiff.Length - 2) return Upright;
        tiff = tiff[(int)directory..];
        int entries = Number(tiff);
        tiff = tiff[2..];
        for (; entries > 0 && tiff.Length >= EntryBytes; entries--, tiff = tiff[EntryBytes..])
        {
            int type = Number(tiff[2..]);
            if (Number(tiff) != Tag || type is not (Short or Long)) continue;
            uint value = type == Short ? (uint)Number(tiff[8..]) : LongNumber(tiff[8..]);
            return value <= Last ? (int)value : Upright;
        }
        return Upright;

        int Number(ReadOnlySpan<byte> at) => little ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);
        uint LongNumber(ReadOnlySpan<byte> at) => little ? BinaryPrimitives.ReadUInt32LittleEndian(at) : BinaryPrimitives.ReadUInt32BigEndian(at);
    }
}
