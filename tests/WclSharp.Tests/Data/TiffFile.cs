using System.Buffers.Binary;
using BitMiracle.LibTiff.Classic;

namespace WclSharp.Tests.Data;

/// <summary>A TIFF that a test describes by the value of every sample.</summary>
internal sealed record TiffFile
{
    public required int Width { get; init; }
    public required int Height { get; init; }
    public int Bits { get; init; } = 8;
    public int Samples { get; init; } = 1;
    public Photometric? Photometric { get; init; } = BitMiracle.LibTiff.Classic.Photometric.MINISBLACK;
    public Compression Compression { get; init; } = Compression.NONE;
    public ExtraSample[]? Extra { get; init; }
    public bool Separate { get; init; }
    public bool BigEndian { get; init; }

    /// <summary>Side of a tile; 0 is strips.</summary>
    public int Tile { get; init; }

    /// <summary>Rows of a strip; null is all.</summary>
    public int? Rows { get; init; }

    /// <summary>Further fields; of one of several values an array of objects.</summary>
    public (TiffTag Tag, object Value)[] Fields { get; init; } = [];

    /// <summary>The bytes, with the value of every row, column and sample.</summary>
    public byte[] ToArray(Func<int, int, int, int> value)
    {
        var stream = new MemoryStream();
        using (var tiff = Tiff.ClientOpen("test", BigEndian ? "wb" : "wl", stream, new TiffStream()))
        {
            tiff.SetField(TiffTag.IMAGEWIDTH, Width);
            tiff.SetField(TiffTag.IMAGELENGTH, Height);
            tiff.SetField(TiffTag.BITSPERSAMPLE, Bits);
            tiff.SetField(TiffTag.SAMPLESPERPIXEL, Samples);
            tiff.SetField(TiffTag.COMPRESSION, Compression);
            tiff.SetField(TiffTag.PLANARCONFIG, Separate ? PlanarConfig.SEPARATE : PlanarConfig.CONTIG);
            if (Photometric is { } photometric) tiff.SetField(TiffTag.PHOTOMETRIC, photometric);
            if (Extra is not null) tiff.SetField(TiffTag.EXTRASAMPLES, Extra.Length, Array.ConvertAll(Extra, each => (short)each));
            if (Tile > 0) tiff.SetField(TiffTag.TILEWIDTH, Tile);
            if (Tile > 0) tiff.SetField(TiffTag.TILELENGTH, Tile);
            else tiff.SetField(TiffTag.ROWSPERSTRIP, Rows ?? Height);
            foreach (var (tag, field) in Fields) tiff.SetField(tag, field as object[] ?? [field]);
            int pieceWidth = Tile > 0 ? Tile : Width, pieceHeight = Tile > 0 ? Tile : Rows ?? Height;
            for (int plane = 0; plane < (Separate ? Samples : 1); plane++)
                for (int top = 0; top < Height; top += pieceHeight)
                    for (int left = 0; left < Width; left += pieceWidth)
                    {
                        int rows = Tile > 0 ? Tile : Math.Min(pieceHeight, Height - top);
                        byte[] piece = Piece(top, left, rows, pieceWidth, plane, value);
                        if (Tile > 0) tiff.WriteEncodedTile(tiff.ComputeTile(left, top, 0, (short)plane), piece, piece.Length);
                        else tiff.WriteEncodedStrip(tiff.ComputeStrip(top, (short)plane), piece, piece.Length);
                    }
        }
        return stream.ToArray();
    }

    /// <summary>A little-endian file of 32-bit fields that a test writes number by number, with what lies behind them.</summary>
    public static byte[] OfFields((short Tag, int Count, int Value)[] fields, ReadOnlySpan<byte> rest)
    {
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("II*\0"u8);
        writer.Write(8);
        writer.Write((short)fields.Length);
        foreach (var (tag, count, value) in fields)
        {
            writer.Write(tag);
            writer.Write((short)4); // 32 bits
            writer.Write(count);
            writer.Write(value);
        }

        writer.Write(0);
        writer.Write(rest);
        return file.ToArray();
    }

    private byte[] Piece(int top, int left, int rows, int width, int plane, Func<int, int, int, int> value)
    {
        int samples = Separate ? 1 : Samples, stride = (width * samples * Bits + 7) / 8;
        var piece = new byte[rows * stride];
        for (int y = 0; y < rows; y++)
            for (int i = 0; i < width * samples; i++)
            {
                int x = left + i / samples;
                if (x >= Width || top + y >= Height) continue;
                int sample = value(top + y, x, Separate ? plane : i % samples);
                if (Bits == 16) BinaryPrimitives.WriteUInt16LittleEndian(piece.AsSpan(y * stride + 2 * i), (ushort)sample);
                else piece[y * stride + i * Bits / 8] |= (byte)(sample << (8 - Bits - i * Bits % 8));
            }
        return piece;
    }
}
