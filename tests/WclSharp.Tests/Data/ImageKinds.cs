using SkiaSharp;

namespace WclSharp.Tests.Data;

/// <summary>The kinds of image files that are read, and one of each.</summary>
public static class ImageKinds
{
    /// <summary>Their names, and how far the colours may be off.</summary>
    public static TheoryData<string, int> All => new()
    {
        { "jpeg", 12 }, { "progressive jpeg", 12 }, { "cmyk jpeg", 12 }, { "png", 0 }, { "16-bit png", 0 }, { "palette png", 0 }, { "webp", 25 }, { "bmp", 0 },
        { "top-down bmp", 0 }, { "gif", 0 }, { "tiff", 0 }, { "big-endian tiff", 0 }, { "16-bit tiff", 0 }, { "lzw tiff", 0 }, { "cmyk tiff", 0 },
    };

    public static TheoryData<string> Names => [.. All.Select(row => row.Data.Item1)];

    public static byte[] FileOf(string kind) => kind switch
    {
        "jpeg" => ImageFiles.Jpeg(),
        "progressive jpeg" => ImageFiles.ProgressiveJpeg,
        "cmyk jpeg" => ImageFiles.CmykJpeg,
        "png" => ImageFiles.Skia(SKEncodedImageFormat.Png),
        "16-bit png" => ImageFiles.Png16,
        "palette png" => ImageFiles.PngPalette,
        "webp" => ImageFiles.Skia(SKEncodedImageFormat.Webp),
        "bmp" => ImageFiles.Bmp(topDown: false),
        "top-down bmp" => ImageFiles.Bmp(topDown: true),
        "gif" => ImageFiles.AnimatedGif,
        "tiff" => ImageFiles.Tiff(),
        "big-endian tiff" => ImageFiles.Tiff(bigEndian: true),
        "16-bit tiff" => ImageFiles.Tiff(bits: 16),
        "lzw tiff" => ImageFiles.LzwTiff,
        "cmyk tiff" => ImageFiles.DeflateCmykTiff,
        _ => throw new ArgumentException(kind),
    };
}
