using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WclSharp.Kernels;

/// <summary>
/// Some rows of some images as <see cref="AmxKernel"/> reads them: 32 images side by side, so that a tap sees the same pixel of all of them, or padding in all of them, which is left out.
/// </summary>
/// <remarks>Memory is [group of 32 images][row][column][C / 32][32 images][32 channels] bfloat16. Images that are missing in the last group are zeros.</remarks>
/// <param name="height">Rows of an image.</param>
/// <param name="width">Its columns.</param>
/// <param name="channels">Its channels, a multiple of 32.</param>
/// <param name="rows">Rows that there is room for; a row's place is its number's remainder.</param>
internal sealed unsafe class AmxImages(int height, int width, int channels, int rows)
{
    /// <summary>Images of a group.</summary>
    public const int Group = AmxKernel.Block;

    // Neighbours in an image, which memory fetches together.
    private const int ColumnsAtATime = 4;

    /// <summary>Bytes of 32 channels of a pixel in 32 images.</summary>
    public const int DepthBytes = 2 * AmxKernel.TileBytes;

    /// <summary>Bytes of a pixel in 32 images.</summary>
    public nint PixelBytes { get; } = (nint)channels / AmxKernel.Depth * DepthBytes;

    /// <summary>Bytes of a group.</summary>
    public nint GroupBytes => rows * width * PixelBytes;

    /// <summary>Where a pixel lies in a group.</summary>
    public nint PlaceOf(int row, int column) => (row % rows * width + column) * PixelBytes;

    /// <summary>How many groups there are of so many images.</summary>
    public static int Groups(int images) => (images + Group - 1) / Group;

    /// <summary>Lays a row of a group out.</summary>
    /// <param name="source">[images, H, W, C], of the group's first image.</param>
    /// <param name="images">Images that there are from there on.</param>
    /// <param name="row">The row.</param>
    /// <param name="isSeen">Columns that are read.</param>
    /// <param name="group">The group's memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(ushort* source, int images, int row, bool[] isSeen, byte* group)
    {
        long image = (long)height * width * channels;
        byte* place = group + PlaceOf(row, 0);
        ushort* pixel = source + (long)row * width * channels;
        images = Math.Min(images, Group);
        for (int first = 0; first < width; first += ColumnsAtATime)
            for (int i = 0; i < images; i++)
                for (int column = first; column < Math.Min(width, first + ColumnsAtATime); column++)
                {
                    if (!isSeen[column]) continue;
                    byte* to = place + column * PixelBytes + i * AmxKernel.Depth * sizeof(ushort);
                    ushort* from = pixel + i * image + column * channels;
                    for (int channel = 0; channel < channels; channel += AmxKernel.Depth, to += DepthBytes) Vector512.Store(Vector512.Load(from + channel), (ushort*)to);
                }
        if (images == Group) return;
        for (nint depth = 0; depth < width * PixelBytes; depth += DepthBytes)
            new Span<byte>(place + depth + images * AmxKernel.Depth * sizeof(ushort), (Group - images) * AmxKernel.Depth * sizeof(ushort)).Clear();
    }
}
