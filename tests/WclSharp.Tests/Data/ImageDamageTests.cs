using WclSharp.Data;
using static WclSharp.Tests.Data.ImageColours;

namespace WclSharp.Tests.Data;

/// <summary>Files that are damaged, are no images, or claim more than they have.</summary>
public class ImageDamageTests
{
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
        var file = ImageKinds.FileOf(kind);
        Assert.Throws<BadImageException>(() => Decode(file[..(int)(file.Length * kept)], out _, out _));
    }

    [Theory]
    [MemberData(nameof(ImageKinds.Names), MemberType = typeof(ImageKinds))]
    public void Decode_AnyByteDamaged_DecodesOrIsRefused(string kind)
    {
        var file = ImageKinds.FileOf(kind);
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

    [Fact]
    public void CheckSize_MorePixelsThanABlockHolds_IsRefusedWhateverIsAllowed()
    {
        ImageDecoder.CheckSize(20_000, 20_000, long.MaxValue);
        Assert.Contains("whatever is allowed", Assert.Throws<BadImageException>(() => ImageDecoder.CheckSize(24_000, 24_000, long.MaxValue)).Message, StringComparison.Ordinal);
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

        static byte[] Directory(params (int Tag, int Count, int Value)[] entries) => TiffFile.OfFields([.. entries.Select(entry => ((short)entry.Tag, entry.Count, entry.Value))], []);
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
