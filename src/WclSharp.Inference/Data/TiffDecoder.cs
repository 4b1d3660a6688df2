using System.Runtime.InteropServices;
using BitMiracle.LibTiff.Classic;

namespace WclSharp.Data;

/// <summary>First page of a TIFF by LibTiff.NET, which is managed code.</summary>
internal static class TiffDecoder
{
    private const byte BigTiff = 43; // where a classic one has 42

    [ThreadStatic]
    private static string? lastError;

    [ThreadStatic]
    private static bool decoding;

    // There is one such handler a process. A program that reads TIFFs itself keeps its own for these.
    static TiffDecoder()
    {
        var quiet = new Quiet();
        quiet.Others = Tiff.SetErrorHandler(quiet);
    }

    /// <inheritdoc cref="ImageDecoder.Decode"/>
    public static byte[] Decode(ReadOnlySpan<byte> file, int storedSide, out int height, out int width, long maxPixels)
    {
        lastError = null;
        TiffStructure.Check(file, maxPixels);
        if (file is [(byte)'M', _, _, BigTiff, ..]) throw NotRead("a big-endian BigTIFF; save it little-endian"); // LibTiff.NET looks for its pixels beyond its end
        try
        {
            decoding = true;
            using var memory = new MemoryStream(file.ToArray(), writable: false);
            using var tiff = Tiff.ClientOpen("image", "r", memory, new TiffStream()) ?? throw Failed("the TIFF header is damaged");
            int fullHeight = Field(tiff, TiffTag.IMAGELENGTH), fullWidth = Field(tiff, TiffTag.IMAGEWIDTH);
            ImageDecoder.CheckSize(fullHeight, fullWidth, maxPixels);
            // LibTiff.NET would take the bits of these for unsigned numbers.
            if (SamplesOfKind((SampleFormat)TiffFields.Number(tiff, TiffTag.SAMPLEFORMAT)) is { } samples) throw NotRead($"{samples} samples");
            if (OtherColours(tiff) is { } colours) throw NotRead(colours);
            if (!tiff.RGBAImageOK(out string problem)) throw NotRead(problem.Contains("not configured", StringComparison.Ordinal) ? CompressionOf(tiff) : problem.Trim());

            int orientation = TiffFields.Number(tiff, TiffTag.ORIENTATION);
            if (orientation == (int)Orientation.TOPLEFT) orientation = ExifOrientation.Of(file, ImageFormat.Tiff);
            var raster = new int[fullHeight * fullWidth];
            var rgba = MemoryMarshal.AsBytes(raster.AsSpan()); // ABGR in an integer is RGBA in bytes, little-endian
            bool opaque = TiffGrey.Is(tiff) ? new TiffGrey(tiff, fullHeight, fullWidth).Read(rgba) : ReadColours(tiff, fullHeight, fullWidth, raster);
            return ImageDecoder.Finish(rgba, fullHeight, fullWidth, StoredSize.For(fullHeight, fullWidth, storedSide), opaque, orientation, out height, out width);
        }
        catch (Exception e) when (e is not (BadImageException or OutOfMemoryException))
        {
            // A managed parser meets damaged files with exceptions of any kind.
            throw new BadImageException($"the TIFF is damaged ({e.Message.ReplaceLineEndings(" ")})");
        }
        finally
        {
            decoding = false;
        }
    }

    /// <summary>Reads by LibTiff.NET's own way to RGBA; tells whether there is no alpha.</summary>
    private static bool ReadColours(Tiff tiff, int height, int width, int[] raster)
    {
        // In the file's own orientation, so that the result is turned in one place for all formats.
        tiff.SetField(TiffTag.ORIENTATION, Orientation.TOPLEFT);
        // Where four samples are not told apart, the fourth is alpha that colours are not multiplied by, as Pillow has it.
        if (tiff.GetField(TiffTag.EXTRASAMPLES) is null && TiffFields.Number(tiff, TiffTag.SAMPLESPERPIXEL) == 4 && tiff.GetField(TiffTag.PHOTOMETRIC)?[0].ToInt() == (int)Photometric.RGB)
            tiff.SetField(TiffTag.EXTRASAMPLES, 1, new[] { (byte)ExtraSample.UNASSALPHA });
        if (!tiff.ReadRGBAImageOriented(width, height, raster, Orientation.TOPLEFT, stopOnError: true)) throw lastError is null ? NotRead(KindOf(tiff)) : Failed("the TIFF data is damaged");
        // LibTiff.NET takes an unspecified fourth channel for alpha, but leaves the colours as they are.
        return TiffFields.Alpha(tiff) == ExtraSample.UNSPECIFIED;
    }

    private static int Field(Tiff tiff, TiffTag tag) => tiff.GetField(tag)?[0].ToInt() ?? throw Failed($"the TIFF has no {tag}");

    /// <summary>What samples are other than unsigned numbers; null for these, and where the file leaves it open.</summary>
    private static string? SamplesOfKind(SampleFormat format) => format switch
    {
        SampleFormat.INT => "signed",
        SampleFormat.IEEEFP => "floating-point",
        SampleFormat.COMPLEXINT or SampleFormat.COMPLEXIEEEFP => "complex",
        _ => null,
    };

    /// <summary>Colours that LibTiff.NET says it reads, and would get wrong or fail on; null of others.</summary>
    private static string? OtherColours(Tiff tiff)
    {
        switch ((Photometric?)tiff.GetField(TiffTag.PHOTOMETRIC)?[0].ToInt())
        {
            case Photometric.CIELAB or Photometric.ICCLAB or Photometric.ITULAB:
                return "CIELab colours; save it as RGB";
            case Photometric.YCBCR when (Compression)TiffFields.Number(tiff, TiffTag.COMPRESSION) is not (Compression.JPEG or Compression.OJPEG):
                var sampling = tiff.GetFieldDefaulted(TiffTag.YCBCRSUBSAMPLING);
                return sampling is [var x, var y, ..] && (x.ToInt(), y.ToInt()) == (1, 1) ? null : "subsampled YCbCr without JPEG compression; save it as RGB";
            default:
                return null;
        }
    }

    /// <summary>A compression that LibTiff.NET has no decoder for, by name where it is one that is met.</summary>
    private static string CompressionOf(Tiff tiff)
    {
        int number = TiffFields.Number(tiff, TiffTag.COMPRESSION);
        string name = number switch
        {
            34712 => "JPEG 2000",
            34887 => "LERC",
            34892 => "lossy JPEG of DNG",
            34925 => "LZMA",
            50000 => "Zstandard",
            50001 => "WebP",
            50002 => "JPEG XL",
            _ => FormattableString.Invariant($"number {number}"),
        };
        return $"compression {name}; save it with LZW or Deflate, or none";
    }

    /// <summary>What kind of colours a file has: of some LibTiff.NET says beforehand that it reads them, and then does not, without a word.</summary>
    private static string KindOf(Tiff tiff)
    {
        var photometric = (Photometric)TiffFields.Number(tiff, TiffTag.PHOTOMETRIC);
        bool separate = TiffFields.Number(tiff, TiffTag.PLANARCONFIG) == (int)PlanarConfig.SEPARATE;
        return $"{TiffFields.Number(tiff, TiffTag.BITSPERSAMPLE)}-bit {(photometric == Photometric.SEPARATED ? "CMYK" : photometric)}{(separate ? ", a plane for each colour" : "")}";
    }

    private static BadImageException NotRead(string kind) => new($"a TIFF of a kind that is not read ({kind})");

    /// <summary>What is wrong, with what LibTiff.NET said of it.</summary>
    internal static BadImageException Failed(string what) => new(lastError is null ? what : $"{what} ({lastError})");

    /// <summary>Keeps messages off the error stream.</summary>
    private sealed class Quiet : TiffErrorHandler
    {
        /// <summary>What is told of images that are decoded elsewhere.</summary>
        public TiffErrorHandler? Others { get; set; }

        public override void WarningHandler(Tiff tif, string method, string format, params object[] args)
        {
            if (!decoding) Others?.WarningHandler(tif, method, format, args);
        }

        public override void WarningHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args)
        {
            if (!decoding) Others?.WarningHandlerExt(tif, clientData, method, format, args);
        }

        public override void ErrorHandler(Tiff tif, string method, string format, params object[] args)
        {
            if (decoding) lastError ??= string.Format(System.Globalization.CultureInfo.InvariantCulture, format, args).ReplaceLineEndings(" ").Trim();
            else Others?.ErrorHandler(tif, method, format, args);
        }

        public override void ErrorHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args)
        {
            if (!decoding) Others?.ErrorHandlerExt(tif, clientData, method, format, args);
        }
    }
}
