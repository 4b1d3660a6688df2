using System.Buffers.Binary;

namespace WclSharp.Data;

/// <summary>
/// Looks through a TIFF's first directory before LibTiff.NET reads it, which allocates and reads as much as the directory claims: refuses what claims more than the
/// file or an image of its size can have.
/// </summary>
/// <remarks>TIFF 6.0, section 2, and BigTIFF, whose numbers of a directory have twice the width.</remarks>
internal static class TiffStructure
{
    private const int Width = 256, Height = 257, BitsPerSample = 258, Compression = 259, StripOffsets = 273, SamplesPerPixel = 277, RowsPerStrip = 278, StripBytes = 279, PlanarConfiguration = 284,
        TileWidth = 322, TileHeight = 323, TileOffsets = 324, TileBytes = 325, OldJpegOffset = 513;
    private const int Separate = 2; // a plane for each sample
    private const int OldJpeg = 6, Jpeg = 7;
    private const int MostScans = 64; // of a strip's or tile's JPEG: ten are usual where it is progressive
    private const int MostEntries = 4096, MostSamples = 8;
    private const long LargestTile = 1 << 22; // pixels, of an image that is smaller

    // What a strip or tile may come to before its colours are taken out of it: bytes, and bytes a pixel of the image, four samples of 16 bits.
    private const long LargestPiece = 1 << 24, PieceBytesPerPixel = 8;

    // What strips and tiles claim together, and what fields do, over the file: some writers let alike ones share their bytes.
    private const int LargestShare = 4;

    /// <summary>Checks a file.</summary>
    /// <exception cref="BadImageException">It is damaged, or claims too much.</exception>
    public static void Check(ReadOnlySpan<byte> file, long maxPixels)
    {
        var reader = new Reader(file);
        bool big = reader.Number(2, 2) == 43;
        // Offsets and counts have the width of the form.
        int wide = big ? 8 : 4, entryBytes = big ? 20 : 12;
        ulong directory = reader.Number((ulong)wide, wide);
        ulong entries = reader.Number(directory, big ? 8 : 2), first = directory + (big ? 8u : 2u);
        if (entries is 0 or > MostEntries || first + entries * (ulong)entryBytes > (ulong)file.Length) throw new BadImageException(FormattableString.Invariant($"the TIFF is damaged (a directory of {entries:N0} entries)"));

        ulong width = 0, height = 0, tileWidth = 0, tileHeight = 0, samples = 1, bits = 1, rows = ulong.MaxValue, planes = 1, claimed = 0, fields = 0, compression = 0, oldJpeg = 0;
        Values offsets = default, lengths = default;
        for (ulong i = 0; i < entries; i++)
        {
            ulong entry = first + i * (ulong)entryBytes, tag = reader.Number(entry, 2), count = reader.Number(entry + 4, wide), field = entry + 4 + (ulong)wide;
            int size = SizeOf(reader.Number(entry + 2, 2));
            if (size > 0 && count > (ulong)file.Length / (ulong)size) throw new BadImageException(FormattableString.Invariant($"the TIFF is damaged (its field {tag} claims {count:N0} values)"));
            fields += count * (ulong)size; // of types that are known: others are passed over
            if (fields > LargestShare * (ulong)file.Length) throw new BadImageException(FormattableString.Invariant($"the TIFF is damaged (its fields claim {fields:N0} bytes, the file has {file.Length:N0})"));
            if (tag is not (Width or Height or BitsPerSample or SamplesPerPixel or RowsPerStrip or PlanarConfiguration or TileWidth or TileHeight or StripBytes or TileBytes or Compression or StripOffsets or TileOffsets or OldJpegOffset) || size is not (2 or 4 or 8) || count == 0) continue;
            ulong values = count * (ulong)size <= (ulong)wide ? field : reader.Number(field, wide); // few lie in the entry itself
            switch (tag)
            {
                case Width: width = reader.Number(values, size); break;
                case Height: height = reader.Number(values, size); break;
                case BitsPerSample: bits = reader.Number(values, size); break;
                case SamplesPerPixel: samples = reader.Number(values, size); break;
                case RowsPerStrip: rows = reader.Number(values, size); break;
                case PlanarConfiguration: planes = reader.Number(values, size); break;
                case TileWidth: tileWidth = reader.Number(values, size); break;
                case TileHeight: tileHeight = reader.Number(values, size); break;
                case Compression: compression = reader.Number(values, size); break;
                case OldJpegOffset: oldJpeg = reader.Number(values, size); break;
                case StripOffsets or TileOffsets: offsets = new(values, size, count); break;
                default:
                    lengths = new(values, size, count);
                    for (ulong value = 0; value < count; value++) claimed = Math.Min(claimed + Math.Min(reader.Number(values + value * (ulong)size, size), uint.MaxValue), ulong.MaxValue / 2);
                    break;
            }
        }

        const ulong most = int.MaxValue;
        ImageDecoder.CheckSize((long)Math.Min(height, most), (long)Math.Min(width, most), maxPixels);
        if (samples > MostSamples) throw new BadImageException(FormattableString.Invariant($"a TIFF of a kind that is not read ({samples:N0} samples a pixel)"));
        if (Math.Min(tileWidth, most) * Math.Min(tileHeight, most) > Math.Max(width * height, (ulong)LargestTile)) throw new BadImageException(FormattableString.Invariant($"the TIFF is damaged (tiles of {tileWidth:N0} x {tileHeight:N0} pixels)"));
        ulong pixels = tileWidth > 0 ? Math.Min(tileWidth, most) * Math.Min(tileHeight, most) : width * Math.Min(rows, height);
        double piece = pixels / 8.0 * bits * (planes == Separate ? 1 : samples);
        if (piece > Math.Max(PieceBytesPerPixel * (double)(width * height), LargestPiece)) throw new BadImageException(FormattableString.Invariant($"a TIFF of a kind that is not read ({piece:N0} bytes a strip or tile)"));
        if (claimed > LargestShare * (ulong)file.Length) throw new BadImageException(FormattableString.Invariant($"the TIFF is damaged (its strips claim {claimed:N0} bytes, the file has {file.Length:N0})"));
        if (compression == OldJpeg) CheckScans(file, oldJpeg, (ulong)file.Length, Math.Max(1, lengths.Count));
        if (compression == Jpeg)
        {
            bool areGiven = true;
            for (ulong i = 0; i < offsets.Count; i++)
            {
                ulong length = i < lengths.Count ? lengths.At(reader, i) : 0;
                areGiven &= length > 0;
                CheckScans(file, offsets.At(reader, i), length, 1); // together four times the file at most, as claimed above
            }

            // Where a length is not given LibTiff.NET reads on, into the other strips too. Once for all of them: there may be millions.
            if (!areGiven) CheckScans(file, 0, (ulong)file.Length, offsets.Count);
        }
    }

    /// <summary>Refuses a JPEG of more scans than any writer makes: a few bytes are one, which is decoded over the whole strip or tile.</summary>
    private static void CheckScans(ReadOnlySpan<byte> file, ulong offset, ulong length, ulong pieces)
    {
        if (offset >= (ulong)file.Length) return; // LibTiff.NET says so
        ulong scans = (ulong)file.Slice((int)offset, (int)Math.Min(length, (ulong)file.Length - offset)).Count((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        if (scans > MostScans * pieces) throw new BadImageException(FormattableString.Invariant($"the TIFF is damaged (a JPEG in it has {scans:N0} scans)"));
    }

    /// <summary>Numbers of a field.</summary>
    private readonly record struct Values(ulong Place, int Size, ulong Count)
    {
        public ulong At(Reader reader, ulong index) => reader.Number(Place + index * (ulong)Size, Size);
    }

    /// <summary>Bytes of a value of a type; 0 for one that is not known.</summary>
    private static int SizeOf(ulong type) => type switch
    {
        1 or 2 or 6 or 7 => 1,
        3 or 8 => 2,
        4 or 9 or 11 or 13 => 4,
        5 or 10 or 12 or 16 or 17 or 18 => 8,
        _ => 0,
    };

    private readonly ref struct Reader(ReadOnlySpan<byte> file)
    {
        private readonly ReadOnlySpan<byte> file = file;
        private readonly bool littleEndian = file[0] == (byte)'I';

        /// <summary>An unsigned number of 2, 4 or 8 bytes.</summary>
        public ulong Number(ulong at, int bytes)
        {
            if (at > (ulong)file.Length || (ulong)bytes > (ulong)file.Length - at) throw new BadImageException("the TIFF is cut short");
            var place = file.Slice((int)at, bytes);
            return bytes switch
            {
                2 => littleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(place) : BinaryPrimitives.ReadUInt16BigEndian(place),
                4 => littleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(place) : BinaryPrimitives.ReadUInt32BigEndian(place),
                _ => littleEndian ? BinaryPrimitives.ReadUInt64LittleEndian(place) : BinaryPrimitives.ReadUInt64BigEndian(place),
            };
        }
    }
}
