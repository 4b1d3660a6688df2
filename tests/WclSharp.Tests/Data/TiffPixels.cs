using WclSharp.Data;

namespace WclSharp.Tests.Data;

/// <summary>Pixels that TIFFs are made of, and those that are decoded.</summary>
internal static class TiffPixels
{
    public static (byte[] Pixels, int Height, int Width) Decode(byte[] file, int side = 10_000)
    {
        var pixels = ImageDecoder.Decode(file, side, out int height, out int width);
        return (pixels[..(3 * height * width)], height, width);
    }

    /// <summary>All three planes have the colours of a function of row, column and channel.</summary>
    public static void AssertPixels(byte[] file, int height, int width, Func<int, int, int, int> expected)
    {
        var (pixels, h, w) = Decode(file);
        Assert.Equal((height, width), (h, w));
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    if (pixels[(c * height + y) * width + x] != expected(y, x, c)) Assert.Fail($"({y}, {x}, {c}): {pixels[(c * height + y) * width + x]}, not {expected(y, x, c)}");
    }

    public static int Noise(int y, int x, int sample, int bits) => (int)((uint)(y * 7919 + x * 104_729 + sample * 1_299_709) * 2_654_435_761u >> (32 - bits));
}
