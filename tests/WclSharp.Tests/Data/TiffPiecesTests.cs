using System.Runtime.InteropServices;
using BitMiracle.LibTiff.Classic;
using static WclSharp.Tests.Data.TiffPixels;

namespace WclSharp.Tests.Data;

/// <summary>Strips and tiles of sizes and places that writers are free to choose.</summary>
public class TiffPiecesTests
{
    [Theory]
    [InlineData(8, 1), InlineData(16, 1), InlineData(8, 3), InlineData(16, 3)]
    public void Decode_AnImageSmallerThanItsTile_IsRead(int bits, int samples)
    {
        byte[] file = new TiffFile { Width = 20, Height = 11, Bits = bits, Samples = samples, Tile = 32, Photometric = samples == 1 ? Photometric.MINISBLACK : Photometric.RGB }.ToArray((y, x, sample) => Noise(y, x, sample, bits));
        AssertPixels(file, 11, 20, (y, x, c) => Noise(y, x, samples == 1 ? 0 : c, bits) >> (bits - 8));
    }

    /// <summary>The largest number, which is the standard's own where the field is missing.</summary>
    [Fact]
    public void Decode_OneStripOfAsManyRowsAsThereAre_IsRead()
    {
        const int Start = 8 + 2 + 8 * 12 + 4;
        byte[] strip = [.. Enumerable.Range(0, 11 * 20).Select(i => (byte)Noise(i / 20, i % 20, 0, 8))];
        byte[] file = TiffFile.OfFields([(256, 1, 20), (257, 1, 11), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, 1, Start), (278, 1, -1), (279, 1, strip.Length)], strip);
        AssertPixels(file, 11, 20, (y, x, _) => Noise(y, x, 0, 8));
    }

    /// <summary>Some writers let alike strips share their bytes, so that these claim more than the file has.</summary>
    [Fact]
    public void Decode_StripsOfTheSameBytes_AreRead()
    {
        const int Start = 8 + 2 + 8 * 12 + 4, Rows = 30, Width = 40, Strips = 3;
        int[] places = [.. Enumerable.Repeat(Start + 2 * Strips * 4, Strips), .. Enumerable.Repeat(Rows * Width, Strips)];
        byte[] strip = [.. Enumerable.Range(0, Rows * Width).Select(i => (byte)Noise(i / Width, i % Width, 0, 8))];
        byte[] file = TiffFile.OfFields([(256, 1, Width), (257, 1, Strips * Rows), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, Strips, Start), (278, 1, Rows), (279, Strips, Start + Strips * 4)], [.. MemoryMarshal.AsBytes(places.AsSpan()), .. strip]);
        Assert.InRange(file.Length, 0, 2 * strip.Length);
        AssertPixels(file, Strips * Rows, Width, (y, x, _) => Noise(y % Rows, x, 0, 8));
    }
}
