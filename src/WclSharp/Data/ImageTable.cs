namespace WclSharp.Data;

/// <summary>Names, sizes, places and hashes of a data set's images: some 60 bytes each, no object per image.</summary>
internal sealed class ImageTable
{
    private readonly ByteArena names = new();
    private readonly GrowingArray<ushort> heights = new(), widths = new();
    private readonly GrowingArray<long> places = new();
    private readonly GrowingArray<ulong> hashes = new();

    /// <summary>Number of images.</summary>
    public int Count => places.Count;

    /// <summary>Appends an image whose pixels are stored at a place.</summary>
    public void Add(string name, int height, int width, long place, ulong hash)
    {
        names.Add(name);
        heights.Add(checked((ushort)height));
        widths.Add(checked((ushort)width));
        places.Add(place);
        hashes.Add(hash);
    }

    /// <summary>UTF-8 bytes of an image's name.</summary>
    public ReadOnlySpan<byte> Utf8Name(int index) => names[index];

    /// <summary>An image's name.</summary>
    public string Name(int index) => names.GetString(index);

    /// <summary>Stored size, pixels.</summary>
    public (int Height, int Width) Size(int index) => (heights[index], widths[index]);

    /// <summary>Where the pixels are stored.</summary>
    public long Place(int index) => places[index];

    /// <summary>Hash of size and pixels: see <see cref="PreparedImage.PixelHash"/>.</summary>
    public ulong PixelHash(int index) => hashes[index];
}
