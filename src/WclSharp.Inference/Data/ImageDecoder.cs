using System.Buffers;

namespace WclSharp.Data;

/// <summary>A file is no image that can be read; the message is the reason, in a few words.</summary>
internal sealed class BadImageException(string reason) : Exception(reason)
{
    /// <summary>Whether the file is not to blame, but the place where it is looked for.</summary>
    public bool IsTransient { get; init; }
}

/// <summary>
/// Decodes image files to planar RGB, upright, shrunk, with transparent parts on white. docs/decoders.md says which library
/// reads what, and why.
/// </summary>
/// <remarks>
/// The size is read from the header first: an image of more than <see cref="MaxPixels"/> is refused before a byte is
/// allocated for its pixels. Colour profiles are not applied, as in the readers that published models were trained with.
/// </remarks>
internal static class ImageDecoder
{
    /// <summary>Pixels that an image may have.</summary>
    public const long MaxPixels = 64L << 20;

    /// <summary>Pixels that an image can have, whatever is allowed: four bytes of each lie in one block.</summary>
    public const long MostPixels = int.MaxValue / 4;

    /// <summary>Sides that an image may have, pixels.</summary>
    public const int MaxSide = ushort.MaxValue;

    /// <summary>The libraries that decode, with their versions, for people.</summary>
    /// <exception cref="DllNotFoundException">SkiaSharp's native library is missing or does not load.</exception>
    public static string Libraries => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"SkiaSharp {typeof(SkiaSharp.SKCodec).Assembly.GetName().Version?.ToString(3)} (native {SkiaSharp.SkiaSharpVersion.Native}), " +
        $"LibTiff.NET {typeof(BitMiracle.LibTiff.Classic.Tiff).Assembly.GetName().Version?.ToString(3)}");

    /// <summary>Decodes an image.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="storedSide">Length that the shorter side is shrunk to.</param>
    /// <param name="height">Height of the result.</param>
    /// <param name="width">Width of the result.</param>
    /// <param name="maxPixels">Pixels that the image may have.</param>
    /// <returns>Planar pixels [3, height, width] in a rented buffer.</returns>
    /// <exception cref="BadImageException">It is no image, or a damaged or oversized one.</exception>
    public static byte[] Decode(ReadOnlySpan<byte> file, int storedSide, out int height, out int width, long maxPixels = MaxPixels)
    {
        if (file.IsEmpty) throw new BadImageException("it is empty");
        return ImageFormats.Recognise(file) switch
        {
            ImageFormat.Unknown => throw new BadImageException(ImageFormats.NoneOfThem),
            ImageFormat.Tiff => TiffDecoder.Decode(file, storedSide, out height, out width, maxPixels),
            var format => SkiaDecoder.Decode(file, format, storedSide, out height, out width, maxPixels),
        };
    }

    /// <summary>Refuses a size that is too large, or none.</summary>
    public static void CheckSize(long height, long width, long maxPixels = MaxPixels)
    {
        if (height < 1 || width < 1) throw new BadImageException($"the header claims {width} x {height} pixels");
        if (height * width > MostPixels)
            throw new BadImageException(FormattableString.Invariant($"{width} x {height} is {height * width / 1e6:F0} megapixels, more than {MostPixels / 1e6:F0}, which cannot be decoded whatever is allowed"));
        if (height * width > maxPixels) throw new BadImageException(FormattableString.Invariant($"{width} x {height} is {height * width:N0} pixels, over the limit of {maxPixels:N0}"));
        if (height > MaxSide || width > MaxSide) throw new BadImageException(FormattableString.Invariant($"{width} x {height} pixels are over the limit of {MaxSide:N0} a side"));
    }

    /// <summary>Shrinks decoded pixels into a rented buffer.</summary>
    /// <param name="rgba">[decodedHeight, decodedWidth, 4], premultiplied.</param>
    /// <param name="decodedHeight">Height as decoded, possibly shrunk by the decoder.</param>
    /// <param name="decodedWidth">Width as decoded.</param>
    /// <param name="size">Size to store, in the decoded orientation.</param>
    /// <param name="opaque">True where nothing is transparent.</param>
    /// <param name="orientation">EXIF orientation, 1 to 8.</param>
    /// <param name="height">Height of the result.</param>
    /// <param name="width">Width of the result.</param>
    /// <param name="extent">How many of the decoded rows and columns the image takes; null is all.</param>
    public static byte[] Finish(ReadOnlySpan<byte> rgba, int decodedHeight, int decodedWidth, StoredSize size, bool opaque, int orientation, out int height, out int width, ImageExtent? extent = null)
    {
        var layout = PixelLayout.For(orientation, size.KeptHeight, size.KeptWidth);
        (height, width) = (layout.Height, layout.Width);
        var target = ArrayPool<byte>.Shared.Rent(3 * height * width);
        PixelShrink.Rgba(rgba, decodedHeight, decodedWidth, size, opaque, layout, target, extent);
        return target;
    }
}
