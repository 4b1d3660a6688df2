using SkiaSharp;
using WclSharp.Data;

namespace WclSharp.Tests.Data;

public class ImageDecoderTests
{
    private static byte[] Decode(byte[] file, out int height, out int width, int side = 256)
    {
        var pixels = ImageDecoder.Decode(file, side, out height, out width);
        return pixels[..(3 * height * width)];
    }

    private static (int R, int G, int B) At(byte[] pixels, int height, int width, int y, int x) =>
        (pixels[y * width + x], pixels[(height + y) * width + x], pixels[(2 * height + y) * width + x]);

    private static void AssertColour((int R, int G, int B) expected, (int R, int G, int B) actual, int tolerance)
    {
        int worst = Math.Max(Math.Abs(expected.R - actual.R), Math.Max(Math.Abs(expected.G - actual.G), Math.Abs(expected.B - actual.B)));
        Assert.True(worst <= tolerance, $"expected {expected}, got {actual}");
    }

    /// <summary>Checks the middle of each quarter.</summary>
    private static void AssertQuarters(byte[] file, int tolerance, params (int R, int G, int B)[] expected)
    {
        var pixels = Decode(file, out int height, out int width);
        Assert.Equal((16, 16), (height, width));
        for (int quarter = 0; quarter < 4; quarter++)
            AssertColour(expected.Length > 0 ? expected[quarter] : ImageFiles.Quarters[quarter],
                At(pixels, 16, 16, quarter / 2 * 8 + 4, quarter % 2 * 8 + 4), tolerance);
    }

    public static TheoryData<string, int> Kinds => new()
    {
        { "jpeg", 12 }, { "progressive jpeg", 12 }, { "cmyk jpeg", 12 }, { "png", 0 }, { "16-bit png", 0 }, { "palette png", 0 }, { "webp", 25 }, { "bmp", 0 },
        { "top-down bmp", 0 }, { "gif", 0 }, { "tiff", 0 }, { "big-endian tiff", 0 }, { "16-bit tiff", 0 }, { "lzw tiff", 0 }, { "cmyk tiff", 0 },
    };

    public static TheoryData<string> KindNames => [.. Kinds.Select(row => row.Data.Item1)];

    private static byte[] FileOf(string kind) => kind switch
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

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decode_EveryKind_GivesItsColours(string kind, int tolerance) => AssertQuarters(FileOf(kind), tolerance);

    [Fact]
    public void Decode_Transparent_IsPutOnWhite() => AssertQuarters(ImageFiles.PngAlpha, 1, (255, 127, 127), (0, 255, 0), (0, 0, 255), (255, 255, 255));

    [Fact]
    public void Decode_TransparentAndShrunk_IsPutOnWhite()
    {
        var pixels = Decode(ImageFiles.PngAlpha, out int height, out int width, side: 4);
        Assert.Equal((4, 4), (height, width));
        AssertColour((255, 127, 127), At(pixels, 4, 4, 0, 0), 1);
        AssertColour((255, 255, 255), At(pixels, 4, 4, 3, 3), 1);
    }

    // Colours clockwise from the top left after the turn that the orientation asks for; R, G / B, W as stored.
    [Theory]
    [InlineData(1, "RGBW", 16, 32)]
    [InlineData(2, "GRWB", 16, 32)]
    [InlineData(3, "WBGR", 16, 32)]
    [InlineData(4, "BWRG", 16, 32)]
    [InlineData(5, "RBGW", 32, 16)]
    [InlineData(6, "BRWG", 32, 16)]
    [InlineData(7, "WGBR", 32, 16)]
    [InlineData(8, "GWRB", 32, 16)]
    public void Decode_ExifOrientation_IsObeyed(int orientation, string quarters, int height, int width)
    {
        foreach (var file in (byte[][])[ImageFiles.JpegTurned(orientation), ImageFiles.PngTurned(orientation), ImageFiles.PngTurned(orientation, bigEndian: false, last: true)])
        {
            var pixels = Decode(file, out int h, out int w);
            Assert.Equal((height, width), (h, w));
            for (int quarter = 0; quarter < 4; quarter++)
                AssertColour(ImageFiles.Quarters["RGBW".IndexOf(quarters[quarter], StringComparison.Ordinal)],
                    At(pixels, h, w, h / 4 + quarter / 2 * h / 2, w / 4 + quarter % 2 * w / 2), 20);
        }
    }

    /// <summary>The standard has a SHORT; other readers take a LONG, too, and some programs write one.</summary>
    [Theory]
    [InlineData(3, "WBGR", 16, 32)]
    [InlineData(6, "BRWG", 32, 16)]
    [InlineData(8, "GWRB", 32, 16)]
    public void Decode_ExifOrientationAsALong_IsObeyed(int orientation, string quarters, int height, int width)
    {
        byte[][] files =
        [
            ImageFiles.JpegTurned(orientation, isLong: true), ImageFiles.PngTurned(orientation, isLong: true), ImageFiles.PngTurned(orientation, bigEndian: false, isLong: true),
            ImageFiles.WebPTurned(orientation, isLong: true), ImageFiles.WebPTurned(orientation, isLong: false),
        ];
        foreach (var file in files)
        {
            var pixels = Decode(file, out int h, out int w);
            Assert.Equal((height, width), (h, w));
            for (int quarter = 0; quarter < 4; quarter++)
                AssertColour(ImageFiles.Quarters["RGBW".IndexOf(quarters[quarter], StringComparison.Ordinal)],
                    At(pixels, h, w, h / 4 + quarter / 2 * h / 2, w / 4 + quarter % 2 * w / 2), 20);
        }
        foreach (bool bigEndian in (bool[])[false, true])
            AssertQuarters(ImageFiles.Tiff(bigEndian, orientation: orientation, isLong: true), 0, [.. quarters.Select(c => ((int, int, int))ImageFiles.Quarters["RGBW".IndexOf(c, StringComparison.Ordinal)])]);
        Decode(ImageFiles.PngTurned(9, isLong: true), out int upright, out _); // there is no ninth
        Assert.Equal(16, upright);
    }

    [Fact]
    public void Decode_JpegThatEndsInItsExif_IsNoCrash()
    {
        byte[] file = ImageFiles.JpegTurned(6, isLong: true);
        for (int length = 0; length < 60; length++) ExifOrientation.Of(file.AsSpan(0, length), ImageFormat.Jpeg);
        file = ImageFiles.WebPTurned(6, isLong: true);
        for (int length = 0; length < file.Length; length++) Assert.Equal(1, ExifOrientation.Of(file.AsSpan(0, length), ImageFormat.WebP));
    }

    [Fact]
    public void Decode_PngWithDamagedExif_IsReadAsItLies()
    {
        for (int kept = 0; kept < 30; kept++) // the orientation is the byte after these
        {
            Decode(ImageFiles.PngTurned(6, part: ..kept), out int height, out int width);
            Assert.Equal((16, 32), (height, width));
        }
        Decode(ImageFiles.PngTurned(6, part: 1..), out int h, out int w);
        Assert.Equal((16, 32), (h, w));
    }

    [Theory]
    [InlineData(3, "WBGR")]
    [InlineData(6, "BRWG")]
    [InlineData(8, "GWRB")]
    public void Decode_TiffOrientation_IsObeyed(int orientation, string quarters) =>
        AssertQuarters(ImageFiles.Tiff(orientation: orientation), 0,
            [.. quarters.Select(c => ((int, int, int))ImageFiles.Quarters["RGBW".IndexOf(c, StringComparison.Ordinal)])]);

    [Fact]
    public void Decode_TurnedAndShrunk_KeepsTheShapeUpright()
    {
        foreach (var file in (byte[][])[ImageFiles.JpegTurned(6), ImageFiles.PngTurned(6)])
        {
            var pixels = Decode(file, out int height, out int width, side: 8);
            Assert.Equal((16, 8), (height, width));
            AssertColour((0, 0, 255), At(pixels, 16, 8, 3, 1), 40);
            AssertColour((255, 0, 0), At(pixels, 16, 8, 3, 6), 40);
        }
    }

    [Theory]
    [InlineData(1000, 500, 64, 128, 64)]
    [InlineData(500, 1000, 64, 64, 128)]
    [InlineData(300, 301, 299, 299, 300)]
    [InlineData(100, 1000, 50, 50, 150)]  // cut to three times the shorter side
    [InlineData(30, 40, 64, 30, 40)]      // not enlarged
    [InlineData(10, 100, 64, 10, 30)]
    public void Decode_StoredSide_ShrinksTheShorterSide(int height, int width, int side, int storedHeight, int storedWidth)
    {
        foreach (var format in (SKEncodedImageFormat[])[SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Png, SKEncodedImageFormat.Webp])
        {
            var pixels = Decode(ImageFiles.Skia(format, height, width), out int h, out int w, side);
            Assert.Equal((storedHeight, storedWidth), (h, w));
            AssertColour((255, 0, 0), At(pixels, h, w, 2, 2), 25);
            AssertColour((255, 255, 255), At(pixels, h, w, h - 3, w - 3), 25);
        }
    }

    /// <summary>A decoder that shrinks by eighths rounds the size up: the image ends within the last row and column, and not at their ends.</summary>
    [Theory]
    [InlineData(803, 1203, 256)]
    [InlineData(1501, 2001, 256)]
    [InlineData(801, 1201, 250)]
    public void Decode_AJpegThatIsShrunkByEighths_LiesWhereThePngDoes(int height, int width, int side)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Gray8, SKAlphaType.Opaque);
        var grey = new byte[bitmap.ByteCount];
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) grey[y * bitmap.RowBytes + x] = (byte)(128 + 60 * Math.Sin(x / 9.0) + 60 * Math.Sin(y / 9.0));
        System.Runtime.InteropServices.Marshal.Copy(grey, 0, bitmap.GetPixels(), grey.Length);
        byte[] Of(SKEncodedImageFormat format)
        {
            using var data = bitmap.Encode(format, 100);
            return Decode(data.ToArray(), out _, out _, side);
        }
        byte[] jpeg = Of(SKEncodedImageFormat.Jpeg), png = Of(SKEncodedImageFormat.Png);
        Assert.InRange(jpeg.Zip(png).Average(pair => Math.Abs(pair.First - pair.Second)), 0, 1.5); // 5 and more where it is stretched over them
        Assert.InRange(jpeg.Zip(png).Max(pair => Math.Abs(pair.First - pair.Second)), 0, 12);
    }

    [Theory]
    [InlineData(0, 0, "(255,0,0) (0,255,0) (0,0,255) (255,255,255)")]         // none is written: opaque
    [InlineData(255, 255, "(255,0,0) (0,255,0) (0,0,255) (255,255,255)")]
    [InlineData(0, 255, "(255,255,255) (0,255,0) (0,0,255) (255,255,255)")]   // the first quarter's, the others'
    [InlineData(128, 255, "(255,127,127) (0,255,0) (0,0,255) (255,255,255)")]
    public void Decode_ABmpWithAlpha_IsPutOnWhiteWhereSomePixelHasAny(byte first, byte others, string colours)
    {
        AssertQuarters(ImageFiles.BmpAlpha(quarter => quarter == 0 ? first : others), 1, [.. colours.Split(' ').Select(colour => colour.Trim('(', ')').Split(',').Select(int.Parse).ToArray()).Select(rgb => (rgb[0], rgb[1], rgb[2]))]);
    }

    [Fact]
    public void Decode_ABmpHalfTransparent_IsMixedWithWhite()
    {
        byte[] file = ImageFiles.BmpAlpha(_ => 128);
        for (int at = file.Length - 16 * 16 * 4; at < file.Length; at += 4) ((byte[])[100, 50, 200]).CopyTo(file, at); // blue, green, red
        AssertQuarters(file, 1, (227, 152, 177), (227, 152, 177), (227, 152, 177), (227, 152, 177));
    }

    [Fact]
    public void Decode_AFineTextureOfAGif_IsShrunkByTheFilter_NotByLeavingPixelsOut()
    {
        var pixels = Decode(ImageFiles.StripedGif, out int height, out int width, 24);
        Assert.Equal((24, 24), (height, width));
        Assert.All(pixels, value => Assert.InRange(value, 90, 165)); // black and white columns; by leaving out, all one of both
    }

    [Fact]
    public void CheckSize_MorePixelsThanABlockHolds_IsRefusedWhateverIsAllowed()
    {
        ImageDecoder.CheckSize(20_000, 20_000, long.MaxValue);
        Assert.Contains("whatever is allowed", Assert.Throws<BadImageException>(() => ImageDecoder.CheckSize(24_000, 24_000, long.MaxValue)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("jpeg", 0.6)]
    [InlineData("progressive jpeg", 0.9)]
    [InlineData("cmyk jpeg", 0.95)]
    [InlineData("png", 0.5)]
    [InlineData("16-bit png", 0.7)]
    [InlineData("webp", 0.5)]
    [InlineData("bmp", 0.5)]
    [InlineData("gif", 0.4)]
    [InlineData("tiff", 0.5)]
    [InlineData("lzw tiff", 0.3)]
    public void Decode_CutShort_IsRefused(string kind, double kept)
    {
        var file = FileOf(kind);
        Assert.Throws<BadImageException>(() => Decode(file[..(int)(file.Length * kept)], out _, out _));
    }

    [Theory]
    [MemberData(nameof(KindNames))]
    public void Decode_AnyByteDamaged_DecodesOrIsRefused(string kind)
    {
        var file = FileOf(kind);
        int refused = 0;
        for (int at = 0; at < file.Length; at += Math.Max(1, file.Length / 200))
            foreach (byte value in (byte[])[0x00, 0xFF, (byte)(file[at] ^ 0x80)])
            {
                var damaged = (byte[])file.Clone();
                damaged[at] = value;
                try
                {
                    var pixels = Decode(damaged, out int height, out int width);
                    Assert.Equal(3 * height * width, pixels.Length);
                }
                catch (BadImageException)
                {
                    refused++;
                }
            }
        Assert.True(refused > 0); // at least where the first byte changed
    }

    [Fact]
    public void Libraries_AreNamedWithVersions() => Assert.Matches(@"^SkiaSharp \d+\.\d+\.\d+ \(native \d.*\), LibTiff\.NET \d+\.\d+\.\d+$", ImageDecoder.Libraries);

    [Fact]
    public void Decode_Empty_SaysSo() => Assert.Equal("it is empty", Assert.Throws<BadImageException>(() => Decode([], out _, out _)).Message);

    [Fact]
    public void Decode_Text_SaysSo() =>
        Assert.StartsWith("not a JPEG", Assert.Throws<BadImageException>(() => Decode("hello, this is text"u8.ToArray(), out _, out _)).Message, StringComparison.Ordinal);

    [Fact]
    public void Decode_HundredMegapixels_IsRefusedBeforeDecoding()
    {
        var row = new byte[1 + 10_000 * 3];
        var bomb = ImageFiles.Png(10_000, 10_000, 8, 2, Enumerable.Repeat(row, 10_000));
        Assert.InRange(bomb.Length, 1, 1 << 20);
        long before = GC.GetTotalAllocatedBytes();
        var error = Assert.Throws<BadImageException>(() => Decode(bomb, out _, out _));
        Assert.Contains("10000 x 10000 is 100,000,000 pixels", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 50 << 20); // other tests allocate too
    }

    [Theory]
    [InlineData("entries", "a directory of")]
    [InlineData("values", "claims 1,000,000,000 values")]
    [InlineData("tiles", "tiles of 40,000 x 40,000 pixels")]
    [InlineData("samples", "60,000 samples a pixel")]
    [InlineData("strips", "its strips claim")]
    [InlineData("strip", "bytes a strip or tile")]
    [InlineData("fields", "its fields claim")]
    public void Decode_TiffThatClaimsMoreThanItHas_IsRefused_WithoutMemoryOrTime(string claim, string message)
    {
        byte[] file = claim switch
        {
            // BigTIFF: 43, the width of offsets, then where the directory is, which says how many entries it has.
            "entries" => [.. "II"u8, 43, 0, 8, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0],
            "values" => Directory((256, 1, 16), (257, 1, 16), (700, 1_000_000_000, 8)),
            "tiles" => Directory((256, 1, 16), (257, 1, 16), (322, 1, 40_000), (323, 1, 40_000), (325, 1, 100)),
            "samples" => Directory((256, 1, 16), (257, 1, 16), (277, 1, 60_000)),
            "strip" => Directory((256, 1, 8_000), (257, 1, 8_000), (258, 1, 16), (277, 1, 8)),
            // A thousand private fields that share the file's bytes.
            "fields" => [.. Directory([.. Enumerable.Range(0, 1000).Select(i => (60_000 + i, 5_000, 8))]), .. new byte[20_000]],
            // Every strip says that it has the whole file.
            _ => [.. Directory((256, 1, 1), (257, 1, 60_000), (278, 1, 1), (279, 60_000, 8 + 2 + 4 * 12 + 4)), .. Enumerable.Repeat(BitConverter.GetBytes(240_000), 60_000).SelectMany(bytes => bytes)],
        };
        long before = GC.GetAllocatedBytesForCurrentThread();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.Contains(message, Assert.Throws<BadImageException>(() => Decode(file, out _, out _)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 5);

        static byte[] Directory(params (int Tag, int Count, int Value)[] entries)
        {
            using var file = new MemoryStream();
            using var writer = new BinaryWriter(file);
            writer.Write("II*\0"u8);
            writer.Write(8);
            writer.Write((short)entries.Length);
            foreach (var (tag, count, value) in entries)
            {
                writer.Write((short)tag);
                writer.Write((short)4);
                writer.Write(count);
                writer.Write(value);
            }
            writer.Write(0);
            return file.ToArray();
        }
    }

    [Fact]
    public void Decode_TiffOfHugeClaims_IsRefused()
    {
        var file = ImageFiles.Tiff();
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(8 + 2 + 8), 60_000);       // width
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(8 + 2 + 12 + 8), 60_000);  // height
        Assert.Contains("3600 megapixels", Assert.Throws<BadImageException>(() => Decode(file, out _, out _)).Message, StringComparison.Ordinal);
    }
}
