using System.Runtime.InteropServices;
using SkiaSharp;

namespace WclSharp.Data;

/// <summary>JPEG, PNG, WebP, BMP and GIF by SkiaSharp. JPEG is shrunk by eighths while it is decoded, WebP to the size asked for; of the others only by our own filter.</summary>
internal static unsafe class SkiaDecoder
{
    /// <inheritdoc cref="ImageDecoder.Decode"/>
    public static byte[] Decode(ReadOnlySpan<byte> file, ImageFormat format, int storedSide, out int height, out int width, long maxPixels)
    {
        fixed (byte* bytes = file)
        {
            using var data = SKData.Create((nint)bytes, file.Length); // no copy: the codec does not outlive this block
            using var codec = SKCodec.Create(data) ?? throw new BadImageException($"the {Name(format)} header is damaged or cut short");
            var full = codec.Info;
            ImageDecoder.CheckSize(full.Height, full.Width, maxPixels);
            if (format == ImageFormat.Jpeg) CheckProgressive(file);

            var size = StoredSize.For(full.Height, full.Width, storedSide);
            var (decoded, extent) = Decoded(codec, format, size);
            bool opaque = full.AlphaType == SKAlphaType.Opaque;
            // No colour space: values as they are in the file. Of a BMP alpha is seen first: many programs leave it empty.
            var info = new SKImageInfo(decoded.Width, decoded.Height, SKColorType.Rgba8888, opaque ? SKAlphaType.Opaque : format == ImageFormat.Bmp ? SKAlphaType.Unpremul : SKAlphaType.Premul);
            nuint length = (nuint)info.BytesSize64;
            // Cleared where a format may leave out pixels.
            void* pixels = format == ImageFormat.Jpeg ? NativeMemory.Alloc(length) : NativeMemory.AllocZeroed(length);
            try
            {
                var result = codec.GetPixels(info, (nint)pixels);
                if (result != SKCodecResult.Success)
                    throw new BadImageException(result == SKCodecResult.IncompleteInput ? "the file is cut short" : $"the {Name(format)} data is damaged");
                if (info.AlphaType == SKAlphaType.Unpremul) opaque = Premultiply(new Span<uint>(pixels, info.Width * info.Height));
                int orientation = codec.EncodedOrigin is var origin && origin != SKEncodedOrigin.TopLeft ? (int)origin : ExifOrientation.Of(file, format);
                return ImageDecoder.Finish(new ReadOnlySpan<byte>(pixels, (int)length), info.Height, info.Width, size, opaque, orientation, out height, out width, extent);
            }
            finally
            {
                NativeMemory.Free(pixels);
            }
        }
    }

    private static string Name(ImageFormat format) => format == ImageFormat.WebP ? "WebP" : format.ToString().ToUpperInvariant();

    /// <summary>The smallest size, not below the stored one, that the codec can shrink to while it decodes, and how much of that the image takes.</summary>
    private static (SKSizeI Size, ImageExtent Extent) Decoded(SKCodec codec, ImageFormat format, StoredSize size)
    {
        var full = codec.Info.Size;
        var whole = (full, new ImageExtent(full.Height, full.Width));
        if (size == new StoredSize(full.Height, full.Width) || format is not (ImageFormat.Jpeg or ImageFormat.WebP)) return whole; // of GIF it would leave out pixels
        double scale = Math.Max((double)size.Height / full.Height, (double)size.Width / full.Width);
        int eighths = (int)Math.Ceiling(scale * 8 - 1e-9);
        if (format == ImageFormat.Jpeg) scale = eighths / 8.0;
        var scaled = codec.GetScaledDimensions((float)scale);
        if (scaled.Height < size.Height || scaled.Width < size.Width) return whole;
        return (scaled, format == ImageFormat.Jpeg ? ImageExtent.OfEighths(full.Height, full.Width, scaled.Height, scaled.Width, eighths) : new(scaled.Height, scaled.Width));
    }

    /// <summary>Multiplies colours by alpha, unless that is zero everywhere: then it is not meant, and the image is opaque.</summary>
    /// <returns>True where the image is opaque.</returns>
    private static bool Premultiply(Span<uint> pixels)
    {
        bool empty = true, full = true;
        foreach (uint pixel in pixels) (empty, full) = (empty && pixel >> 24 == 0, full && pixel >> 24 == 255);
        if (empty || full) return true;
        foreach (ref uint pixel in pixels)
        {
            uint alpha = pixel >> 24;
            pixel = alpha << 24 | Times(pixel >> 16 & 0xFF) << 16 | Times(pixel >> 8 & 0xFF) << 8 | Times(pixel & 0xFF);

            uint Times(uint colour) => (colour * alpha + 127) / 255;
        }
        return false;
    }

    /// <summary>
    /// Refuses a progressive JPEG that is cut short: the decoder takes what scans there are and reports no error.
    /// </summary>
    private static void CheckProgressive(ReadOnlySpan<byte> file)
    {
        bool progressive = false;
        for (int at = 2; at + 4 <= file.Length && file[at] == 0xFF;)
        {
            byte marker = file[at + 1];
            if (marker is 0xFF) // fill byte
            {
                at++;
                continue;
            }
            if (marker is 0xC2 or 0xC6 or 0xCA or 0xCE) progressive = true;
            // Start of scan: what follows holds no FF D9 (end of image) but the real one.
            if (marker is 0xDA)
            {
                if (progressive && file[at..].IndexOf((ReadOnlySpan<byte>)[0xFF, 0xD9]) < 0) throw new BadImageException("the file is cut short");
                return;
            }
            at += 2 + (file[at + 2] << 8 | file[at + 3]);
        }
    }
}
