using System.Runtime.InteropServices;
using BitMiracle.LibTiff.Classic;

namespace WclSharp.Data;

/// <summary>First page of a TIFF by LibTiff.NET, which is managed code.</summary>
internal static class TiffDecoder
{
    [ThreadStatic]
    private static string? lastError;

    static TiffDecoder() => Tiff.SetErrorHandler(new Quiet());

    /// <inheritdoc cref="ImageDecoder.Decode"/>
    public static byte[] Decode(ReadOnlySpan<byte> file, int storedSide, out int height, out int width, long maxPixels)
    {
        lastError = null;
        TiffStructure.Check(file, maxPixels);
        try
        {
            using var memory = new MemoryStream(file.ToArray(), writable: false);
            using var tiff = Tiff.ClientOpen("image", "r", memory, new TiffStream()) ?? throw Failed("the TIFF header is damaged");
            int fullHeight = Field(tiff, TiffTag.IMAGELENGTH), fullWidth = Field(tiff, TiffTag.IMAGEWIDTH);
            ImageDecoder.CheckSize(fullHeight, fullWidth, maxPixels);
            if (!tiff.RGBAImageOK(out string problem)) throw new BadImageException($"a TIFF of a kind that is not read ({problem.Trim()})");

            int orientation = tiff.GetFieldDefaulted(TiffTag.ORIENTATION)?[0].ToInt() ?? 1;
            var raster = new int[fullHeight * fullWidth];
            // In the file's own orientation, so that the result is turned in one place for all formats.
            tiff.SetField(TiffTag.ORIENTATION, Orientation.TOPLEFT);
            if (!tiff.ReadRGBAImageOriented(fullWidth, fullHeight, raster, Orientation.TOPLEFT, stopOnError: true)) throw Failed("the TIFF data is damaged");
            var rgba = MemoryMarshal.AsBytes(raster.AsSpan()); // ABGR in an integer is RGBA in bytes, little-endian
            return ImageDecoder.Finish(rgba, fullHeight, fullWidth, StoredSize.For(fullHeight, fullWidth, storedSide), opaque: false, orientation, out height, out width);
        }
        catch (Exception e) when (e is not BadImageException)
        {
            // A managed parser meets damaged files with exceptions of any kind.
            throw new BadImageException($"the TIFF is damaged ({e.Message.ReplaceLineEndings(" ")})");
        }
    }

    private static int Field(Tiff tiff, TiffTag tag) => tiff.GetField(tag)?[0].ToInt() ?? throw Failed($"the TIFF has no {tag}");

    private static BadImageException Failed(string what) => new(lastError is null ? what : $"{what} ({lastError})");

    /// <summary>Keeps messages off the error stream.</summary>
    private sealed class Quiet : TiffErrorHandler
    {
        public override void WarningHandler(Tiff tif, string method, string format, params object[] args) { }

        public override void WarningHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args) { }

        public override void ErrorHandler(Tiff tif, string method, string format, params object[] args) =>
            lastError ??= string.Format(System.Globalization.CultureInfo.InvariantCulture, format, args).ReplaceLineEndings(" ").Trim();

        public override void ErrorHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args) { }
    }
}
