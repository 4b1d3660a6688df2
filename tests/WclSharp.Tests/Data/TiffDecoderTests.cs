using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BitMiracle.LibTiff.Classic;
using WclSharp.Data;
using static WclSharp.Tests.Data.TiffPixels;

namespace WclSharp.Tests.Data;

public class TiffDecoderTests
{
    // Width by tile: none divides the image's.
    public static TheoryData<int, int, int, bool, bool, bool, int> GreyForms()
    {
        var forms = new TheoryData<int, int, int, bool, bool, bool, int>();
        foreach (int bits in (int[])[1, 2, 4, 8, 16])
            foreach (int tile in (int[])[0, 16])
            {
                forms.Add(bits, 1, tile, false, false, false, 1);
                forms.Add(bits, 1, tile, true, true, false, 6);
                if (bits < 8) continue;
                forms.Add(bits, 2, tile, false, true, false, 1);
                forms.Add(bits, 3, tile, true, false, false, 8);
                forms.Add(bits, 2, tile, false, false, true, 1);
            }
        return forms;
    }

    [Theory]
    [MemberData(nameof(GreyForms))]
    public void Decode_Grey_GivesEveryValue(int bits, int samples, int tile, bool white, bool bigEndian, bool separate, int orientation)
    {
        const int Height = 41, Width = 39;
        int range = (1 << Math.Min(bits, 8)) - 1;
        foreach (var compression in (Compression[])[Compression.NONE, Compression.LZW])
        {
            byte[] file = new TiffFile
            {
                Width = Width,
                Height = Height,
                Bits = bits,
                Samples = samples,
                Tile = tile,
                Rows = 7,
                Separate = separate,
                BigEndian = bigEndian,
                Compression = compression,
                Photometric = white ? Photometric.MINISWHITE : Photometric.MINISBLACK,
                Extra = samples == 1 ? null : [.. Enumerable.Repeat(ExtraSample.UNSPECIFIED, samples - 1)],
                Fields = [(TiffTag.ORIENTATION, orientation)],
            }.ToArray((y, x, sample) => Noise(y, x, sample, bits));
            AssertPixels(file, orientation > 4 ? Width : Height, orientation > 4 ? Height : Width, (y, x, _) =>
            {
                var (row, column) = orientation switch { 6 => (Height - 1 - x, y), 8 => (x, Width - 1 - y), _ => (y, x) };
                int grey = (Noise(row, column, 0, bits) >> Math.Max(0, bits - 8)) * 255 / range;
                return white ? 255 - grey : grey;
            });
        }
    }

    // In strips of one sample LibTiff.NET's own way is right.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Decode_GreyStrips_AreWhatLibTiffMakesOfThem(int bits)
    {
        foreach (var photometric in (Photometric?[])[Photometric.MINISBLACK, Photometric.MINISWHITE, null])
        {
            byte[] file = new TiffFile { Width = 35, Height = 20, Bits = bits, Rows = 3, Photometric = photometric, Compression = Compression.PACKBITS }.ToArray((y, x, _) => Noise(y, x, 0, bits));
            using var tiff = Tiff.ClientOpen("test", "r", new MemoryStream(file), new TiffStream());
            var raster = new int[20 * 35];
            Assert.True(tiff.ReadRGBAImageOriented(35, 20, raster, Orientation.TOPLEFT, stopOnError: true));
            AssertPixels(file, 20, 35, (y, x, c) => MemoryMarshal.AsBytes(raster.AsSpan())[4 * (y * 35 + x) + c]);
        }
    }

    [Theory]
    [InlineData(Compression.CCITTRLE), InlineData(Compression.CCITTFAX3), InlineData(Compression.CCITTFAX4)]
    public void Decode_AFaxThatDoesNotSayItsColours_IsBlackOnWhite(Compression compression)
    {
        byte[] file = new TiffFile { Width = 35, Height = 20, Bits = 1, Photometric = null, Compression = compression }.ToArray((y, x, _) => Noise(y, x, 0, 1));
        AssertPixels(file, 20, 35, (y, x, _) => 255 * (1 - Noise(y, x, 0, 1)));
    }

    [Fact]
    public void Decode_GreyOfSixteenBitsInOneStrip_TakesNoMoreMemoryThanItHas()
    {
        byte[] file = new TiffFile { Width = 40, Height = 8000, Bits = 16 }.ToArray((y, x, _) => y + x);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Decode(file, 16);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20L << 20); // a copy of what is left for every row was 2.5 GB
    }

    [Fact]
    public void Decode_GreyThatIsDamaged_IsRefused()
    {
        byte[] file = new TiffFile { Width = 40, Height = 40, Bits = 16, Tile = 16, Compression = Compression.LZW }.ToArray((y, x, _) => Noise(y, x, 0, 16));
        file.AsSpan(2000, 100).Fill(0xFF); // within the tiles, which come first
        Assert.Contains("damaged", Assert.Throws<BadImageException>(() => Decode(file)).Message, StringComparison.Ordinal);
    }

    /// <summary>Ten bytes are a scan of a JPEG, and each is decoded over the whole strip: some thousands take minutes.</summary>
    [Theory]
    [InlineData(7, 64, false), InlineData(7, 65, true)]
    [InlineData(6, 64, false), InlineData(6, 65, true)] // JPEG of TIFF's first kind
    [InlineData(7, 64, false, false), InlineData(7, 65, true, false)] // without its length
    [InlineData(1, 65, false)] // no JPEG
    public void Check_AJpegOfManyScans_IsRefused(int compression, int scans, bool refused, bool hasLength = true)
    {
        const int Start = 8 + 2 + 7 * 12 + 4;
        byte[] strip = [.. Enumerable.Repeat<byte[]>([0xFF, 0xDA, 0, 8], scans).SelectMany(scan => scan)];
        byte[] file = TiffFile.OfFields([(256, 1, 16), (257, 1, 16), (258, 1, 8), (259, 1, compression), (273, 1, Start), (279, 1, hasLength ? strip.Length : 0), (513, 1, Start)], strip);
        void Check() => TiffStructure.Check(file, maxPixels: 1000);
        if (refused) Assert.Contains("has 65 scans", Assert.Throws<BadImageException>(Check).Message, StringComparison.Ordinal);
        else Check();
    }

    /// <summary>A file without lengths is looked through once, not once for each of the strips that it claims.</summary>
    [Fact]
    public void Check_OfManyStripsWithoutLengths_TakesNoTimeForEach()
    {
        const int Strips = 1 << 19, Start = 8 + 2 + 5 * 12 + 4;
        byte[] file = TiffFile.OfFields([(256, 1, 16), (257, 1, 16), (258, 1, 8), (259, 1, 7), (273, Strips, Start)], MemoryMarshal.AsBytes(Enumerable.Repeat(Start, Strips).ToArray().AsSpan()));
        long begun = System.Diagnostics.Stopwatch.GetTimestamp();
        TiffStructure.Check(file, maxPixels: 1000);
        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(begun).TotalSeconds, 0, 5); // a look for each takes minutes
    }

    [Fact]
    public void Decode_GreyOfFewerBits_IsScaledWhereAFieldSaysSo()
    {
        var plain = new TiffFile { Width = 20, Height = 20, Bits = 16, Rows = 6 };
        AssertPixels(plain.ToArray(Twelve), 20, 20, (y, x, _) => Twelve(y, x, 0) >> 8);
        foreach (var field in ((TiffTag, object)[])[(TiffTag.MAXSAMPLEVALUE, 4095), (TiffTag.MAXSAMPLEVALUE, 3000), (TiffTag.SMAXSAMPLEVALUE, 4095.0)])
        {
            AssertPixels((plain with { Fields = [field] }).ToArray(Twelve), 20, 20, (y, x, _) => Twelve(y, x, 0) >> 4);
            AssertPixels((plain with { Fields = [field], Photometric = Photometric.MINISWHITE }).ToArray(Twelve), 20, 20, (y, x, _) => 255 - (Twelve(y, x, 0) >> 4));
            // One value is larger than the field has it: of 400 too many, of 2,500 a hot pixel.
            AssertPixels((plain with { Fields = [field] }).ToArray((y, x, _) => y == 7 && x == 3 ? 4096 : Twelve(y, x, 0)), 20, 20, (y, x, _) => y == 7 && x == 3 ? 16 : Twelve(y, x, 0) >> 8);
            AssertPixels((plain with { Width = 50, Height = 50, Fields = [field] }).ToArray((y, x, _) => y == 7 && x == 3 ? 4200 : Twelve(y, x, 0)), 50, 50, (y, x, _) => y == 7 && x == 3 ? 255 : Twelve(y, x, 0) >> 4);
        }

        static int Twelve(int y, int x, int sample) => Noise(y, x, sample, 12);
    }

    [Theory]
    [InlineData(8, 0, false)]
    [InlineData(8, 16, false)]
    [InlineData(16, 16, false)]
    [InlineData(8, 0, true)]
    [InlineData(16, 0, true)]
    public void Decode_FourthChannel_IsAlphaOnlyWhereTheFileSaysSo(int bits, int tile, bool separate)
    {
        const int Side = 21;
        var plain = new TiffFile { Width = Side, Height = Side, Bits = bits, Samples = 4, Tile = tile, Separate = separate, Photometric = Photometric.RGB };
        int High(int y, int x, int sample) => Noise(y, x, sample, bits) >> (bits - 8);
        AssertPixels(File([ExtraSample.UNSPECIFIED]), Side, Side, High);
        foreach (var extra in (ExtraSample[]?[])[[ExtraSample.UNASSALPHA], null])
            AssertPixels(File(extra), Side, Side, (y, x, c) => (High(y, x, c) * High(y, x, 3) + 127) / 255 + 255 - High(y, x, 3));
        // Many a colour is more than its alpha, which no program should write.
        AssertPixels(File([ExtraSample.ASSOCALPHA]), Side, Side, (y, x, c) => Math.Min(255, High(y, x, c) + 255 - High(y, x, 3)));

        byte[] File(ExtraSample[]? extra) => (plain with { Extra = extra }).ToArray((y, x, sample) => Noise(y, x, sample, bits));
    }

    [Theory]
    [InlineData(8, 0, false)]
    [InlineData(16, 16, false)]
    [InlineData(8, 16, true)]
    public void Decode_GreyWithAlpha_IsPutOnWhite(int bits, int tile, bool separate)
    {
        const int Side = 21;
        var plain = new TiffFile { Width = Side, Height = Side, Bits = bits, Samples = 2, Tile = tile, Separate = separate };
        int High(int y, int x, int sample) => Noise(y, x, sample, bits) >> (bits - 8);
        AssertPixels(File(ExtraSample.UNASSALPHA), Side, Side, (y, x, _) => (High(y, x, 0) * High(y, x, 1) + 127) / 255 + 255 - High(y, x, 1));
        AssertPixels(File(ExtraSample.ASSOCALPHA), Side, Side, (y, x, _) => Math.Min(255, High(y, x, 0) + 255 - High(y, x, 1)));

        byte[] File(ExtraSample extra) => (plain with { Extra = [extra] }).ToArray((y, x, sample) => Noise(y, x, sample, bits));
    }

    [Theory]
    [InlineData(8, 1, SampleFormat.INT, "signed")]
    [InlineData(16, 1, SampleFormat.INT, "signed")]
    [InlineData(16, 3, SampleFormat.INT, "signed")]
    [InlineData(16, 1, SampleFormat.IEEEFP, "floating-point")]
    [InlineData(16, 1, SampleFormat.COMPLEXINT, "complex")]
    public void Decode_SamplesThatAreNotUnsigned_AreRefused(int bits, int samples, SampleFormat format, string kind)
    {
        byte[] file = new TiffFile { Width = 8, Height = 8, Bits = bits, Samples = samples, Photometric = samples == 1 ? Photometric.MINISBLACK : Photometric.RGB, Fields = [(TiffTag.SAMPLEFORMAT, format)] }
            .ToArray((y, x, sample) => Noise(y, x, sample, bits));
        Assert.Equal($"a TIFF of a kind that is not read ({kind} samples)", Assert.Throws<BadImageException>(() => Decode(file)).Message);
    }

    [Theory]
    [InlineData(16, false, "16-bit CMYK")]
    [InlineData(8, true, "8-bit CMYK, a plane for each colour")]
    public void Decode_ColoursThatLibTiffDoesNotRead_AreNotCalledDamaged(int bits, bool separate, string kind)
    {
        byte[] file = new TiffFile { Width = 8, Height = 8, Bits = bits, Samples = 4, Separate = separate, Photometric = Photometric.SEPARATED }.ToArray((y, x, sample) => Noise(y, x, sample, bits));
        Assert.Equal($"a TIFF of a kind that is not read ({kind})", Assert.Throws<BadImageException>(() => Decode(file)).Message);
    }

    [Fact]
    public void Decode_ColoursThatLibTiffGetsWrong_AreRefusedByName()
    {
        var colours = new TiffFile { Width = 8, Height = 8, Samples = 3, Photometric = Photometric.CIELAB };
        Assert.Equal("a TIFF of a kind that is not read (CIELab colours; save it as RGB)", Problem(colours));
        Assert.Equal("a TIFF of a kind that is not read (subsampled YCbCr without JPEG compression; save it as RGB)", Problem(colours with { Photometric = Photometric.YCBCR }));
        foreach (object[] one in (object[][])[[(short)2, (short)1], [(short)1, (short)2]])
            Assert.Contains("subsampled YCbCr", Problem(Subsampled(one)), StringComparison.Ordinal);
        AssertPixels(Subsampled((short)1, (short)1).ToArray((y, x, sample) => sample == 0 ? Noise(y, x, 0, 8) : 128), 8, 8, (y, x, _) => Noise(y, x, 0, 8));

        TiffFile Subsampled(params object[] sampling) => colours with { Photometric = Photometric.YCBCR, Fields = [(TiffTag.YCBCRSUBSAMPLING, sampling)] };
        string Problem(TiffFile file) => Assert.Throws<BadImageException>(() => Decode(file.ToArray((y, x, sample) => Noise(y, x, sample, 8)))).Message;
    }

    [Theory]
    [InlineData(50000, "Zstandard")]
    [InlineData(34712, "JPEG 2000")]
    [InlineData(34999, "number 34999")]
    public void Decode_ACompressionThatIsNotRead_IsNamed(int compression, string name)
    {
        byte[] file = ImageFiles.Tiff();
        int at = 8 + 2 + 3 * 12 + 8; // the value of the fourth field, which is the compression
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), compression);
        Assert.Equal($"a TIFF of a kind that is not read (compression {name}; save it with LZW or Deflate, or none)", Assert.Throws<BadImageException>(() => Decode(file)).Message);
    }
}
