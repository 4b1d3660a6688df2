using System.Buffers.Binary;

namespace WclSharp.Data;

/// <summary>The EXIF orientation of a PNG, of which Skia tells nothing: from its chunk eXIf (PNG 3, section 11.3.4.5), before or after the pixels.</summary>
internal static class PngOrientation
{
    private const int Upright = 1, Tag = 0x0112, Short = 3;
    private const int Signature = 8, ChunkFrame = 12, EntryBytes = 12; // a chunk has a length, a type and a checksum around its content

    /// <summary>The orientation of a file; upright where none is told, or not in a way that can be read.</summary>
    public static int Of(ReadOnlySpan<byte> file)
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

    /// <summary>Looks through the first directory of what is built like a TIFF.</summary>
    private static int OfExif(ReadOnlySpan<byte> exif)
    {
        if (exif.StartsWith("Exif\0\0"u8)) exif = exif[6..]; // as JPEGs have it, left by programs that copy it
        bool little = exif.StartsWith("II*\0"u8);
        if (exif.Length < 8 || (!little && !exif.StartsWith("MM\0*"u8))) return Upright;
        uint directory = little ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (directory > exif.Length - 2) return Upright;
        exif = exif[(int)directory..];
        int entries = Number(exif);
        exif = exif[2..];
        for (; entries > 0 && exif.Length >= EntryBytes; entries--, exif = exif[EntryBytes..])
            if (Number(exif) == Tag && Number(exif[2..]) == Short) return Number(exif[8..]);
        return Upright;

        int Number(ReadOnlySpan<byte> at) => little ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);
    }
}
