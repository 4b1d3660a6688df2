using System.Buffers.Binary;
using BitMiracle.LibTiff.Classic;

namespace WclSharp.Data;

/// <summary>
/// Grey TIFFs, by their strips and tiles. LibTiff.NET's own way to RGBA shears tiles that reach beyond the image where a pixel has several bytes, takes time
/// that grows with the square of a 16-bit strip's rows, and loses a grey image that has alpha.
/// </summary>
/// <param name="tiff">A file that LibTiff.NET says it can turn to RGBA.</param>
/// <param name="height">Its height, pixels.</param>
/// <param name="width">Its width, pixels.</param>
internal sealed class TiffGrey(Tiff tiff, int height, int width)
{
    private readonly int bits = TiffFields.Number(tiff, TiffTag.BITSPERSAMPLE), samples = TiffFields.Number(tiff, TiffTag.SAMPLESPERPIXEL);
    private readonly bool separate = TiffFields.Number(tiff, TiffTag.PLANARCONFIG) == (int)PlanarConfig.SEPARATE;

    /// <summary>Whether a file is a grey image.</summary>
    public static bool Is(Tiff tiff) => PhotometricOf(tiff) is Photometric.MINISBLACK or Photometric.MINISWHITE;

    /// <summary>Reads the pixels, in the file's own orientation.</summary>
    /// <param name="rgba">[height, width, 4]: grey three times, premultiplied, and alpha.</param>
    /// <returns>True where the image has no alpha.</returns>
    /// <exception cref="BadImageException">The data are damaged.</exception>
    public bool Read(Span<byte> rgba)
    {
        bool inverted = PhotometricOf(tiff) == Photometric.MINISWHITE;
        int used = UsedBits();
        // A field that claims less than the values that there are is not believed, unless these are few: hot pixels.
        if (Read(0, used, inverted, rgba) > FewOf(rgba.Length / 4)) Read(0, bits, inverted, rgba);
        var alpha = TiffFields.Alpha(tiff);
        if (alpha != ExtraSample.UNSPECIFIED) Read(samples - TiffFields.ExtraSamples(tiff).Length, bits, false, rgba[3..]);
        for (int at = 0; at < rgba.Length; at += 4)
        {
            if (alpha == ExtraSample.UNASSALPHA) rgba[at] = (byte)((rgba[at] * rgba[at + 3] + 127) / 255);
            (rgba[at + 1], rgba[at + 2]) = (rgba[at], rgba[at]);
        }
        return alpha == ExtraSample.UNSPECIFIED;
    }

    private static Photometric? PhotometricOf(Tiff tiff) => tiff.GetField(TiffTag.PHOTOMETRIC) is { } field ? (Photometric)field[0].ToInt()
        : TiffFields.Number(tiff, TiffTag.SAMPLESPERPIXEL) - TiffFields.ExtraSamples(tiff).Length != 1 ? null
        // Faxes are black on white.
        : (Compression)TiffFields.Number(tiff, TiffTag.COMPRESSION) is Compression.CCITTRLE or Compression.CCITTRLEW or Compression.CCITTFAX3 or Compression.CCITTFAX4 ? Photometric.MINISWHITE
        : Photometric.MINISBLACK;

    /// <summary>Bits that values use: fewer than they have where a field tells of a camera of 10, 12 or 14 bits.</summary>
    private int UsedBits()
    {
        if (bits != 16 || TiffFields.Number(tiff, TiffTag.SAMPLEFORMAT) is not ((int)SampleFormat.UINT or (int)SampleFormat.VOID)) return bits;
        double largest = tiff.GetField(TiffTag.SMAXSAMPLEVALUE)?[0].ToDouble() ?? tiff.GetField(TiffTag.MAXSAMPLEVALUE)?[0].ToInt() ?? 0;
        return largest is >= 1 and <= ushort.MaxValue ? 32 - int.LeadingZeroCount((int)largest) : bits;
    }

    /// <summary>Pixels of so many that may be above what a field claims: one in 1,000.</summary>
    private static int FewOf(int pixels) => pixels / 1000;

    /// <summary>Reads one sample of all pixels into every fourth byte.</summary>
    /// <returns>How many values use more bits than <paramref name="used"/>; they count as the largest of these.</returns>
    private int Read(int sample, int used, bool inverted, Span<byte> target)
    {
        var map = new byte[1 << bits];
        for (int value = 0; value < map.Length; value++)
        {
            int kept = Math.Min(value, (1 << used) - 1), grey = used >= 8 ? kept >> (used - 8) : kept * 255 / ((1 << used) - 1);
            map[value] = (byte)(inverted ? 255 - grey : grey);
        }

        bool tiled = tiff.IsTiled();
        int pieceWidth = tiled ? TiffFields.Number(tiff, TiffTag.TILEWIDTH) : width, pieceHeight = TiffFields.Number(tiff, tiled ? TiffTag.TILELENGTH : TiffTag.ROWSPERSTRIP);
        if (!tiled && (pieceHeight == -1 || pieceHeight > height)) pieceHeight = height; // the largest 32-bit number stands for all rows
        if (pieceWidth < 1 || pieceHeight < 1) throw new BadImageException("the TIFF is damaged (pieces without a pixel)");
        int step = separate ? 1 : samples, stride = (int)(((long)pieceWidth * step * bits + 7) / 8), above = 0;
        var piece = new byte[tiled ? tiff.TileSize() : tiff.StripSize()];
        for (int top = 0; top < height; top += pieceHeight)
        {
            int rows = Math.Min(pieceHeight, height - top);
            for (int left = 0; left < width; left += pieceWidth)
            {
                int plane = separate ? sample : 0;
                int got = tiled ? tiff.ReadEncodedTile(tiff.ComputeTile(left, top, 0, (short)plane), piece, 0, piece.Length)
                    : tiff.ReadEncodedStrip(tiff.ComputeStrip(top, (short)plane), piece, 0, rows * stride);
                if (got < rows * stride) throw TiffDecoder.Failed("the TIFF data is damaged");
                for (int y = 0; y < rows; y++)
                {
                    var row = target[(4 * ((top + y) * width + left))..];
                    above += Row(piece.AsSpan(y * stride, stride), separate ? 0 : sample, step, used, map, Math.Min(pieceWidth, width - left), row);
                }
            }
        }
        return above;
    }

    private int Row(ReadOnlySpan<byte> packed, int sample, int step, int used, byte[] map, int count, Span<byte> target)
    {
        int above = 0;
        for (int x = 0, at = sample; x < count; x++, at += step)
        {
            int value = bits switch
            {
                16 => BinaryPrimitives.ReadUInt16LittleEndian(packed[(2 * at)..]), // as LibTiff.NET has turned it
                8 => packed[at],
                _ => packed[at * bits / 8] >> (8 - bits - at * bits % 8) & (1 << bits) - 1,
            };
            if (value >> used != 0) above++;
            target[4 * x] = map[value];
        }
        return above;
    }
}
