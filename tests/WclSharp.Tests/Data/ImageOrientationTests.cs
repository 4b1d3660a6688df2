using WclSharp.Data;
using static WclSharp.Tests.Data.ImageColours;

namespace WclSharp.Tests.Data;

/// <summary>Images that lie on their side, or on their head, as their file says.</summary>
public class ImageOrientationTests
{
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
}
