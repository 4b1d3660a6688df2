namespace WclSharp.Data;

/// <summary>Image file formats that are read.</summary>
internal enum ImageFormat { Unknown, Jpeg, Png, WebP, Bmp, Gif, Tiff }

/// <summary>Tells image formats, from their first bytes or from a file's name.</summary>
internal static class ImageFormats
{
    /// <summary>Endings of files that are taken for images. Others are passed over in folders and archives.</summary>
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"];

    /// <summary>The formats, for messages.</summary>
    public const string Names = "JPEG, PNG, WebP, BMP, GIF or TIFF";

    /// <summary>What is said of a file that is none of them.</summary>
    public const string NoneOfThem = $"not a {Names} file";

    /// <summary>Bytes that tell the format.</summary>
    public const int TellingBytes = 12;

    /// <summary>True for a name with the ending of an image file, whatever its case.</summary>
    public static bool HasImageName(ReadOnlySpan<char> name)
    {
        var extension = Path.GetExtension(name);
        foreach (string known in Extensions)
            if (extension.Equals(known, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }

    /// <summary>Format by the first bytes.</summary>
    public static ImageFormat Recognise(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])) return ImageFormat.Jpeg;
        if (file.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10])) return ImageFormat.Png;
        if (file.Length >= TellingBytes && file.StartsWith("RIFF"u8) && file[8..12].SequenceEqual("WEBP"u8)) return ImageFormat.WebP;
        if (file.StartsWith("BM"u8)) return ImageFormat.Bmp;
        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8)) return ImageFormat.Gif;
        // "II*\0" and "MM\0*", and the same with 43 for BigTIFF.
        if (file.Length >= 4 && ((file.StartsWith("II"u8) && file[2] is 42 or 43 && file[3] == 0) ||
            (file.StartsWith("MM"u8) && file[2] == 0 && file[3] is 42 or 43)))
            return ImageFormat.Tiff;
        return ImageFormat.Unknown;
    }
}
