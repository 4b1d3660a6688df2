using NetVips;
using OpenCvSharp;
using SkiaSharp;

namespace WclSharp.Benchmarks.Data;

/// <summary>A decoder as the comparison sees it: bytes of a file in, size and RGB bytes (interleaved) out.</summary>
internal interface IComparedDecoder
{
    /// <summary>Decodes, turned upright, with the shorter side shrunk to <paramref name="side"/> where it is longer.</summary>
    (int Height, int Width, byte[] Rgb) Decode(byte[] file, int side);
}

/// <summary>Size of an image whose shorter side is shrunk.</summary>
internal static class ShorterSide
{
    public static (int Height, int Width) Shrink(int height, int width, int side)
    {
        int shorter = Math.Min(height, width);
        return shorter <= side ? (height, width)
            : ((int)Math.Round((double)height * side / shorter), (int)Math.Round((double)width * side / shorter));
    }
}

/// <summary>libvips: the thumbnail operation asks each loader to shrink while it decodes.</summary>
internal sealed class NetVipsDecoder : IComparedDecoder
{
    public NetVipsDecoder()
    {
        NetVips.NetVips.Concurrency = 1; // threads come from outside
        Cache.Max = 0;
    }

    public (int Height, int Width, byte[] Rgb) Decode(byte[] file, int side)
    {
        using var header = NetVips.Image.NewFromBuffer(file, access: Enums.Access.Sequential);
        bool turned = header.Contains("orientation") && header.Get("orientation") is int o and >= 5 and <= 8;
        var (height, width) = turned ? (header.Width, header.Height) : (header.Height, header.Width);
        (height, width) = ShorterSide.Shrink(height, width, side);
        using var small = NetVips.Image.ThumbnailBuffer(file, width, height: height, size: Enums.Size.Force, failOn: Enums.FailOn.Truncated);
        using var flat = small.HasAlpha() ? small.Flatten(background: [255]) : small.Copy();
        using var rgb = flat.Colourspace(Enums.Interpretation.Srgb);
        return (rgb.Height, rgb.Width, rgb.WriteToMemory<byte>());
    }
}

/// <summary>Skia: JPEG shrinks by eighths while it decodes; resampling and turning are further steps.</summary>
internal sealed class SkiaSharpDecoder : IComparedDecoder
{
    public (int Height, int Width, byte[] Rgb) Decode(byte[] file, int side)
    {
        using var data = SKData.CreateCopy(file);
        using var codec = SKCodec.Create(data) ?? throw new InvalidDataException("no codec");
        var (height, width) = ShorterSide.Shrink(codec.Info.Height, codec.Info.Width, side);
        var scaled = codec.GetScaledDimensions(Math.Max((float)height / codec.Info.Height, (float)width / codec.Info.Width));
        var info = new SKImageInfo(scaled.Width, scaled.Height, SKColorType.Rgba8888, SKAlphaType.Premul, SKColorSpace.CreateSrgb());
        using var decoded = new SKBitmap(info);
        var result = codec.GetPixels(info, decoded.GetPixels());
        if (result != SKCodecResult.Success) throw new InvalidDataException(result.ToString());

        bool turned = (int)codec.EncodedOrigin >= 5;
        using var target = new SKBitmap(new SKImageInfo(turned ? height : width, turned ? width : height, SKColorType.Rgba8888, SKAlphaType.Premul));
        using (var canvas = new SKCanvas(target))
        using (var image = SKImage.FromBitmap(decoded))
        {
            canvas.Clear(SKColors.White);
            canvas.Concat(Upright(codec.EncodedOrigin, width, height));
            canvas.DrawImage(image, new SKRect(0, 0, scaled.Width, scaled.Height), new SKRect(0, 0, width, height),
                new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        }
        var rgba = target.GetPixelSpan();
        var rgb = new byte[target.Width * target.Height * 3];
        for (int i = 0, j = 0; j < rgb.Length; i += 4, j += 3) (rgb[j], rgb[j + 1], rgb[j + 2]) = (rgba[i], rgba[i + 1], rgba[i + 2]);
        return (target.Height, target.Width, rgb);
    }

    private static SKMatrix Upright(SKEncodedOrigin origin, float w, float h) => origin switch
    {
        SKEncodedOrigin.TopRight => new SKMatrix(-1, 0, w, 0, 1, 0, 0, 0, 1),
        SKEncodedOrigin.BottomRight => new SKMatrix(-1, 0, w, 0, -1, h, 0, 0, 1),
        SKEncodedOrigin.BottomLeft => new SKMatrix(1, 0, 0, 0, -1, h, 0, 0, 1),
        SKEncodedOrigin.LeftTop => new SKMatrix(0, 1, 0, 1, 0, 0, 0, 0, 1),
        SKEncodedOrigin.RightTop => new SKMatrix(0, -1, h, 1, 0, 0, 0, 0, 1),
        SKEncodedOrigin.RightBottom => new SKMatrix(0, -1, h, -1, 0, w, 0, 0, 1),
        SKEncodedOrigin.LeftBottom => new SKMatrix(0, 1, 0, -1, 0, w, 0, 0, 1),
        _ => SKMatrix.Identity,
    };
}

/// <summary>OpenCV: JPEG shrinks by 2, 4 or 8 while it decodes; the header does not tell the size beforehand, so it is read here.</summary>
internal sealed class OpenCvDecoder : IComparedDecoder
{
    public OpenCvDecoder() => Cv2.SetNumThreads(1);

    public (int Height, int Width, byte[] Rgb) Decode(byte[] file, int side)
    {
        int shorter = JpegShorterSide(file);
        var mode = shorter >= 8 * side ? ImreadModes.ReducedColor8 : shorter >= 4 * side ? ImreadModes.ReducedColor4
            : shorter >= 2 * side ? ImreadModes.ReducedColor2 : ImreadModes.Color;
        using var decoded = Cv2.ImDecode(file, mode);
        if (decoded.Empty()) throw new InvalidDataException("empty");
        var (height, width) = ShorterSide.Shrink(decoded.Rows, decoded.Cols, side);
        using var small = new Mat();
        Cv2.Resize(decoded, small, new OpenCvSharp.Size(width, height), interpolation: InterpolationFlags.Area);
        using var rgb = new Mat();
        Cv2.CvtColor(small, rgb, ColorConversionCodes.BGR2RGB);
        var bytes = new byte[height * width * 3];
        System.Runtime.InteropServices.Marshal.Copy(rgb.Data, bytes, 0, bytes.Length);
        return (height, width, bytes);
    }

    private static int JpegShorterSide(byte[] file)
    {
        for (int at = 2; at + 9 < file.Length && file[0] == 0xFF && file[1] == 0xD8 && file[at] == 0xFF; at += 2 + (file[at + 2] << 8 | file[at + 3]))
            if (file[at + 1] is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
                return Math.Min(file[at + 5] << 8 | file[at + 6], file[at + 7] << 8 | file[at + 8]);
        return 0;
    }
}
