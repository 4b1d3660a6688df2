using WclSharp.Data;

namespace WclSharp.Tests.Data;

/// <summary>Decodes the images of <see cref="ImageFiles"/>, and looks at their colours.</summary>
internal static class ImageColours
{
    public static byte[] Decode(byte[] file, out int height, out int width, int side = 256)
    {
        var pixels = ImageDecoder.Decode(file, side, out height, out width);
        return pixels[..(3 * height * width)];
    }

    public static (int R, int G, int B) At(byte[] pixels, int height, int width, int y, int x) =>
        (pixels[y * width + x], pixels[(height + y) * width + x], pixels[(2 * height + y) * width + x]);

    public static void AssertColour((int R, int G, int B) expected, (int R, int G, int B) actual, int tolerance)
    {
        int worst = Math.Max(Math.Abs(expected.R - actual.R), Math.Max(Math.Abs(expected.G - actual.G), Math.Abs(expected.B - actual.B)));
        Assert.True(worst <= tolerance, $"expected {expected}, got {actual}");
    }

    /// <summary>Checks the middle of each quarter.</summary>
    public static void AssertQuarters(byte[] file, int tolerance, params (int R, int G, int B)[] expected)
    {
        var pixels = Decode(file, out int height, out int width);
        Assert.Equal((16, 16), (height, width));
        for (int quarter = 0; quarter < 4; quarter++)
            AssertColour(expected.Length > 0 ? expected[quarter] : ImageFiles.Quarters[quarter],
                At(pixels, 16, 16, quarter / 2 * 8 + 4, quarter % 2 * 8 + 4), tolerance);
    }
}
