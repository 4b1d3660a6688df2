using WclSharp.Data;
using static WclSharp.Tests.Data.ImageColours;

namespace WclSharp.Tests.Data;

/// <summary>Colours of every kind of image file.</summary>
public class ImageDecoderTests
{
    [Theory]
    [MemberData(nameof(ImageKinds.All), MemberType = typeof(ImageKinds))]
    public void Decode_EveryKind_GivesItsColours(string kind, int tolerance) => AssertQuarters(ImageKinds.FileOf(kind), tolerance);

    [Fact]
    public void Decode_Transparent_IsPutOnWhite() => AssertQuarters(ImageFiles.PngAlpha, 1, (255, 127, 127), (0, 255, 0), (0, 0, 255), (255, 255, 255));

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
    public void Libraries_AreNamedWithVersions() => Assert.Matches(@"^SkiaSharp \d+\.\d+\.\d+ \(native \d.*\), LibTiff\.NET \d+\.\d+\.\d+$", ImageDecoder.Libraries);
}
