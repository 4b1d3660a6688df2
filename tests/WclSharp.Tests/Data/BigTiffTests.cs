using WclSharp.Data;
using static WclSharp.Tests.Data.TiffPixels;

namespace WclSharp.Tests.Data;

/// <summary>TIFFs whose offsets and counts have 64 bits.</summary>
public class BigTiffTests
{
    [Theory]
    [InlineData(new byte[] { 200 })]
    [InlineData(new byte[] { 10, 20, 200 })] // whose bits are three values in the field itself
    public void Decode_ALittleEndianOne_IsRead(byte[] pixel) => AssertPixels(OnePixel(bigEndian: false, pixel), 1, 1, (_, _, c) => pixel[c % pixel.Length]);

    [Fact]
    public void Decode_ABigEndianOne_IsNamed() =>
        Assert.Equal("a TIFF of a kind that is not read (a big-endian BigTIFF; save it little-endian)", Assert.Throws<BadImageException>(() => Decode(OnePixel(bigEndian: true, 200))).Message);

    /// <summary>Width, height, bits, compression, colours, strip, samples and its bytes, each field 20 bytes.</summary>
    private static byte[] OnePixel(bool bigEndian, params byte[] pixel)
    {
        (int Tag, int[] Values)[] fields =
            [(256, [1]), (257, [1]), (258, [.. pixel.Select(_ => 8)]), (259, [1]), (262, [pixel.Length == 1 ? 1 : 2]), (273, [16 + 8 + 8 * 20 + 8]), (277, [pixel.Length]), (279, [pixel.Length])];
        using var file = new MemoryStream();
        file.Write(bigEndian ? "MM"u8 : "II"u8);
        foreach (var (value, bytes) in ((int, int)[])[(43, 2), (8, 2), (0, 2), (16, 8), (fields.Length, 8)]) Write(value, bytes);
        foreach (var (tag, values) in fields)
        {
            Write(tag, 2);
            Write(3, 2); // 16 bits
            Write(values.Length, 8);
            foreach (int value in values) Write(value, 2);
            file.Write(new byte[8 - 2 * values.Length]);
        }
        Write(0, 8);
        file.Write(pixel);
        return file.ToArray();

        void Write(int value, int bytes)
        {
            for (int i = 0; i < bytes; i++) file.WriteByte((byte)((long)value >> 8 * (bigEndian ? bytes - 1 - i : i)));
        }
    }
}
