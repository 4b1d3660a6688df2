using SkiaSharp;
using WclSharp.Data;
using static WclSharp.Tests.Data.ImageColours;

namespace WclSharp.Tests.Data;

/// <summary>Images that are shrunk while they are decoded.</summary>
public class ImageShrinkingTests
{
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

    /// <summary>Other sides would change stored pixels, and with them the features and fingerprints that there are.</summary>
    [Theory]
    [InlineData(32, 64), InlineData(64, 128), InlineData(65, 74), InlineData(96, 109), InlineData(97, 110), InlineData(224, 256)]
    public void SideFor_SmallCrops_IsTwiceTheirs_AndForLarger256Of224_Truncated(int imageSize, int side) => Assert.Equal(side, StoredSize.SideFor(imageSize));

    [Fact]
    public void Decode_TransparentAndShrunk_IsPutOnWhite()
    {
        var pixels = Decode(ImageFiles.PngAlpha, out int height, out int width, side: 4);
        Assert.Equal((4, 4), (height, width));
        AssertColour((255, 127, 127), At(pixels, 4, 4, 0, 0), 1);
        AssertColour((255, 255, 255), At(pixels, 4, 4, 3, 3), 1);
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

    [Fact]
    public void Decode_AFineTextureOfAGif_IsShrunkByTheFilter_NotByLeavingPixelsOut()
    {
        var pixels = Decode(ImageFiles.StripedGif, out int height, out int width, 24);
        Assert.Equal((24, 24), (height, width));
        Assert.All(pixels, value => Assert.InRange(value, 90, 165)); // black and white columns; by leaving out, all one of both
    }
}
